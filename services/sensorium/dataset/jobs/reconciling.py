"""Makes the search collection of a version agree with the catalog, which is the truth.

Documents without a file go; documents that say something else are written again; what is missing is embedded again.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from sensorium.dataset.documents import attributes_of
from sensorium.dataset.jobs import job_rows, ledger
from sensorium.dataset.jobs.engine import Planned
from sensorium.dataset.jobs.indexing import Indexing
from sensorium.dataset.jobs.job_lease import fenced
from sensorium.dataset.tables import files as table
from sensorium.dataset.tables import outbox, versions
from sensorium.errors import FailedPrecondition, NotFound, Reason
from sensorium.model.dataset_file import FileStatus
from sensorium.model.dataset_job import IndexWork, JobMode
from sensorium.model.dataset_names import ConnectedModel
from sensorium.model.document import Document, DocumentView
from sensorium.model.names import CollectionName
from sensorium.ports import Searcher
from sensorium.storage.store import Store

BATCH = 256
Checkpoint = Callable[[], Awaitable[None]]


class Reconciling:
    """Implements `engine.Scan`. All of it may be repeated, so after a crash it begins again.

    Args:
        store: An open catalog.
        searcher: Keeps the collection.
        indexing: Embeds what is missing.
    """

    def __init__(self, store: Store, searcher: Searcher, indexing: Indexing) -> None:
        self._store = store
        self._searcher = searcher
        self._indexing = indexing

    async def scan(self, job: Row[Any], checkpoint: Checkpoint) -> None:
        """Compare both sides.

        Raises:
            FailedPrecondition: RESOURCE_IN_USE: another job works on the version, so that the sides differ for now.
        """
        collection = await self._store.read(lambda sql: _collection(sql, job))
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
        token, removed = "", 0
        while True:
            await checkpoint()
            page = await self._searcher.list_documents(
                name, BATCH, token, DocumentView(tags=False, attributes=True, attribute_names=("uri",))
            )
            ids = [each.id for each in page.items]
            there = await self._store.read(partial(_with_vectors, job=job, ids=ids))
            if gone := [each for each in ids if each not in there]:
                removed += await self._searcher.delete_documents(name, gone)
            token = page.next_page_token
            if not token:
                return removed

    async def _put_in_missing(self, job: Row[Any], name: CollectionName, checkpoint: Checkpoint) -> None:
        """Write the documents that say something else again, and embed the files that have none."""
        after = 0
        while True:
            await checkpoint()
            wanted = select(table).where(_indexed(job), table.c.key > after).order_by(table.c.key).limit(BATCH)
            rows = await self._store.read(lambda sql, wanted=wanted: list(sql.execute(wanted).all()))  # type: ignore[misc]
            if not rows:
                return
            after = rows[-1].key
            found = await self._searcher.get_documents(name, [row.id for row in rows], DocumentView())
            pairs = list(zip(rows, found, strict=True))
            missing = [row for row, document in pairs if not isinstance(document, Document)]
            other = [row for row, document in pairs if isinstance(document, Document) and _differs(row, document)]
            await self._settle(job, name, rows, missing, other)

    async def _settle(
        self,
        job: Row[Any],
        name: CollectionName,
        rows: Sequence[Row[Any]],
        missing: Sequence[Row[Any]],
        other: Sequence[Row[Any]],
    ) -> None:
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
                skipped=len(rows) - len(missing) - len(other),
                total=len(rows),
            )

        await self._store.write(fenced(job, settle))

    async def _make(self, job: Row[Any]) -> None:
        """Make the collection again, for the model that its files were embedded with."""
        first = select(table.c.index_of).where(_indexed(job)).limit(1)
        made_by = await self._store.read(lambda sql: sql.execute(first).scalar_one_or_none())
        model = (made_by or "").rpartition("@")[0]
        there = ConnectedModel.find(model)
        work = IndexWork(there.model, connection=there.connection) if there else IndexWork(model)
        await self._indexing.pinned(Planned(job.version, job_rows.name_of(job), work, JobMode.FULL))


def _collection(sql: Connection, job: Row[Any]) -> str:
    if other := job_rows.busy(sql, job.version, but=job.key):
        raise FailedPrecondition(
            f"{other} works on the version: reconcile it afterwards",
            reason=Reason.RESOURCE_IN_USE,
            metadata={"resource": other},
        )
    found: str = sql.execute(select(versions.c.collection).where(versions.c.key == job.version)).scalar_one()
    return found


def _with_vectors(sql: Connection, *, job: Row[Any], ids: Sequence[str]) -> set[str]:
    return set(sql.execute(select(table.c.id).where(_indexed(job), table.c.id.in_(ids))).scalars())


def _indexed(job: Row[Any]) -> Any:
    there = table.c.status == FileStatus.ACTIVE.value
    return (table.c.version == job.version) & there & (table.c.index_of != "")


def _differs(row: Row[Any], document: Document) -> bool:
    return (tuple(row.tags), attributes_of(row)) != (document.tags, dict(document.attributes))
