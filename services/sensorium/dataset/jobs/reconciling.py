"""Makes the search collection of a version agree with the catalog, which is the truth.

Documents without a file go; documents that say something else are written again; what is missing is embedded again.
"""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from sensorium.dataset.jobs import job_rows, ledger
from sensorium.dataset.jobs.document_check import Checked, DocumentCheck, collection_to_check, indexed
from sensorium.dataset.jobs.engine import Planned
from sensorium.dataset.jobs.indexing import Indexing
from sensorium.dataset.jobs.job_lease import fenced
from sensorium.dataset.tables import files as table
from sensorium.dataset.tables import outbox
from sensorium.errors import NotFound
from sensorium.model.dataset_job import IndexWork, JobMode
from sensorium.model.dataset_names import ConnectedModel
from sensorium.model.names import CollectionName
from sensorium.ports import Searcher
from sensorium.storage.store import Store

Checkpoint = Callable[[], Awaitable[None]]


class Reconciling:
    """Implements `engine.Scan`. All of it may be repeated, so after a crash it begins again.

    Args:
        store: An open catalog.
        searcher: Keeps the collection.
        check: Compares it with the catalog.
        indexing: Embeds what is missing.
    """

    def __init__(self, store: Store, searcher: Searcher, check: DocumentCheck, indexing: Indexing) -> None:
        self._store = store
        self._searcher = searcher
        self._check = check
        self._indexing = indexing

    async def scan(self, job: Row[Any], checkpoint: Checkpoint) -> None:
        """Compare both sides.

        Raises:
            FailedPrecondition: RESOURCE_IN_USE: another job works on the version, so that the sides differ for now.
        """
        collection = await self._store.read(lambda sql: collection_to_check(sql, job.version, job.key))
        await self._store.write(fenced(job, lambda sql: ledger.clear(sql, job.key)))
        if not collection:
            return
        name = CollectionName.parse(collection)
        try:
            orphans = await self._remove_orphans(job, name, checkpoint)
        except NotFound:
            orphans = 0
            await self._make(job)
        await self._put_in_missing(job, name, checkpoint)
        count = await self._searcher.count_documents(name)
        line = f"{orphans} documents without a file were removed, {count} are there"
        await self._store.write(fenced(job, lambda sql: job_rows.log(sql, job.key, line)))

    async def _remove_orphans(self, job: Row[Any], name: CollectionName, checkpoint: Checkpoint) -> int:
        """Delete the documents that no indexed file has; return how many there were."""
        removed = 0
        async with aclosing(self._check.orphans(job.version, name)) as pages:
            async for ids in pages:
                await checkpoint()
                if ids:
                    removed += await self._searcher.delete_documents(name, ids)
        return removed

    async def _put_in_missing(self, job: Row[Any], name: CollectionName, checkpoint: Checkpoint) -> None:
        """Write the documents that say something else again, and embed the files that have none."""
        async with aclosing(self._check.files(job.version, name)) as batches:
            async for checked in batches:
                await checkpoint()
                await self._settle(job, name, checked)

    async def _settle(self, job: Row[Any], name: CollectionName, checked: Checked) -> None:
        missing, other = checked.missing, checked.other
        outcome = await self._indexing.process(job, missing) if missing else None
        errors = {} if outcome is None else {key: error for key, error in outcome.errors.items() if error}
        entries = [{"collection": str(name), "file": row.key, "file_id": row.id} for row in other]

        def settle(sql: Connection) -> None:
            if outcome:
                outcome.record(sql, {row.key for row in missing} - {*errors})
                lost = table.c.key.in_(list(errors))
                sql.execute(update(table).where(lost).values(index_of=""))
                ledger.note_failures(sql, job.key, {row.uri: errors[row.key] for row in missing if row.key in errors})
            if entries:
                sql.execute(insert(outbox), entries)
            ledger.count(
                sql,
                job.key,
                succeeded=len(missing) - len(errors) + len(other),
                failed=len(errors),
                skipped=checked.same_count,
                total=checked.count,
            )

        await self._store.write(fenced(job, settle))

    async def _make(self, job: Row[Any]) -> None:
        """Make the collection again, for the model that its files were embedded with."""
        first = select(table.c.index_of).where(indexed(job.version)).limit(1)
        made_by = await self._store.read(lambda sql: sql.execute(first).scalar_one_or_none())
        model = (made_by or "").rpartition("@")[0]
        there = ConnectedModel.find(model)
        work = IndexWork(there.model, connection=there.connection) if there else IndexWork(model)
        await self._indexing.pinned(Planned(job.version, job_rows.name_of(job), work, JobMode.FULL))
