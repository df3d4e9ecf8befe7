"""Lets search documents follow the catalog: what the outbox names is written again, or deleted.

An entry leaves the outbox after its change has reached the search service; doing it again does no harm.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Row, select

from sensorium.dataset.documents import document_of
from sensorium.dataset.jobs.signals import Signals
from sensorium.dataset.tables import files, outbox
from sensorium.errors import NotFound, SensoriumError
from sensorium.model.dataset_file import FileStatus
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Embedding
from sensorium.model.names import CollectionName
from sensorium.model.search import UpsertRequest
from sensorium.ports import Searcher
from sensorium.storage.store import Store

BATCH = 256
IDLE_SECONDS = 0.5
OUTBOX = "outbox"
# What is told after entries have reached the search service.
SENT = "sent"

_log = structlog.get_logger(__name__)


class Projector:
    """Empties the outbox.

    Args:
        store: An open catalog.
        searcher: Keeps documents.
        signals: Wakes it.
    """

    def __init__(self, store: Store, searcher: Searcher, signals: Signals) -> None:
        self._store = store
        self._searcher = searcher
        self._signals = signals

    async def follow(self) -> None:
        """Empty the outbox again and again; when the search service is away, later."""
        while True:
            try:
                if await self.step():
                    continue
            except SensoriumError as error:
                _log.warning("projection_waits", error=error.message)
            await self._signals.changed(OUTBOX, IDLE_SECONDS)

    async def step(self) -> int:
        """Send the first entries of one collection; return how many there were.

        Of all processes one does so at a time, or an older document could overtake a newer one.
        """
        if not await self._store.read(_first):
            return 0
        async with self._store.reserved(OUTBOX) as alone:
            return await self._send_first() if alone else 0

    async def _send_first(self) -> int:
        first = await self._store.read(_first)
        if not first:
            return 0
        name = first[0].collection
        entries = [each for each in first if each.collection == name]
        await self._send(CollectionName.parse(name), entries)
        done = [each.seq for each in entries]
        await self._store.write(lambda sql: sql.execute(outbox.delete().where(outbox.c.seq.in_(done))))
        self._signals.tell(SENT)
        return len(entries)

    async def _send(self, collection: CollectionName, entries: Sequence[Row[Any]]) -> None:
        try:
            if any(not each.file for each in entries):
                await self._searcher.delete_collection(collection, force=True)
                return
            keys = {each.file: each.file_id for each in entries}
            wanted = select(files).where(files.c.key.in_(keys), files.c.status == FileStatus.ACTIVE.value)
            rows = await self._store.read(lambda sql: sql.execute(wanted).all())
            if gone := sorted({*keys.values()} - {row.id for row in rows}):
                await self._searcher.delete_documents(collection, gone)
            await self._write(collection, rows)
        except NotFound:  # The collection went with its version.
            return

    async def _write(self, collection: CollectionName, rows: Sequence[Row[Any]]) -> None:
        if not rows:
            return
        ids = [row.id for row in rows]
        found = await self._searcher.get_documents(collection, ids, DocumentView(embedding=True))
        documents = tuple(
            document_of(row, stored.source)
            for row, stored in zip(rows, found, strict=True)
            if isinstance(stored, Document) and isinstance(stored.source, Embedding)
        )
        if documents:
            await self._searcher.upsert_documents(UpsertRequest(collection, documents))


def _first(sql: Connection) -> Sequence[Row[Any]]:
    return sql.execute(select(outbox).order_by(outbox.c.seq).limit(BATCH)).all()
