"""Says which records of an export would be new, changed or unchanged in a version."""

from functools import partial

from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.exports.brought_difference import difference
from sensorium.dataset.exports.stored_export import StoredExport
from sensorium.dataset.jobs.engine import Planned
from sensorium.dataset.jobs.plans.foreseen import Foreseen
from sensorium.model.dataset_export import ImportExportWork
from sensorium.model.dataset_job import JobPlan
from sensorium.settings import DatasetSettings
from sensorium.storage.store import Store


class ExportImportPlan:
    """Implements `Foreseeing` for imports of exports.

    Args:
        store: An open catalog.
        connections: Opens the storage of the export.
        limits: What records may hold.
    """

    def __init__(self, store: Store, connections: ConnectionService, limits: DatasetSettings) -> None:
        self._store = store
        self._connections = connections
        self._limits = limits

    async def foreseen(self, job: Planned) -> Foreseen:
        """Read the export part by part, its checksums too, and compare the records with those of the version."""
        work = job.work
        assert isinstance(work, ImportExportWork)  # noqa: S101  # The service chose by its kind.
        export = await StoredExport.opened(self._connections, work.source, self._limits)
        plan = JobPlan()
        for part in export.parts:
            async for records in export.records(part):
                compare = partial(difference, version=job.version, brought=records.good, mode=work.mode)
                plan += await self._store.read(compare) + JobPlan(refused_count=len(records.failures))
        return Foreseen.of(plan)
