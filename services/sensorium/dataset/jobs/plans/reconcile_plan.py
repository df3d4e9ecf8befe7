"""Says in what a search collection and the catalog differ."""

from contextlib import aclosing

from sqlalchemy import Connection

from sensorium.dataset.jobs.document_check import DocumentCheck, collection_to_check, indexed
from sensorium.dataset.jobs.engine import Planned
from sensorium.dataset.jobs.plans.foreseen import Foreseen
from sensorium.dataset.jobs.version_files import count_files
from sensorium.errors import NotFound
from sensorium.model.dataset_job import JobPlan
from sensorium.model.names import CollectionName
from sensorium.storage.store import Store


class ReconcilePlan:
    """Implements `Foreseeing` for reconciling.

    Args:
        store: An open catalog.
        check: Compares both sides.
    """

    def __init__(self, store: Store, check: DocumentCheck) -> None:
        self._store = store
        self._check = check

    async def foreseen(self, job: Planned) -> Foreseen:
        """Count the documents that are missing, that say something else, and that no file has."""
        collection = await self._store.read(lambda sql: collection_to_check(sql, job.version))
        if not collection:
            return Foreseen.of(JobPlan())
        try:
            plan = await self._compared(job, CollectionName.parse(collection))
        except NotFound:  # All of it is missing.
            plan = JobPlan(added_count=await self._store.read(lambda sql: _indexed_count(sql, job.version)))
        return Foreseen.of(plan, passes_over=True)

    async def _compared(self, job: Planned, name: CollectionName) -> JobPlan:
        plan = JobPlan()
        async with aclosing(self._check.orphans(job.version, name)) as pages:
            async for ids in pages:
                plan += JobPlan(removed_count=len(ids))
        async with aclosing(self._check.files(job.version, name)) as batches:
            async for checked in batches:
                plan += JobPlan(len(checked.missing), len(checked.other), unchanged_count=checked.same_count)
        return plan


def _indexed_count(sql: Connection, version: int) -> int:
    return count_files(sql, indexed(version))
