"""The snapshots of a data directory: makes them, restores them, lists and removes them."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from sensorium.model.job import Snapshot
from sensorium.model.names import CollectionName, SnapshotName
from sensorium.model.search import Page
from sensorium.search import collections, restoring, snapshot_file, snapshots
from sensorium.search.collections import StoredCollection
from sensorium.storage import list_pages
from sensorium.storage.store import Store
from sensorium.storage.workers import Workers
from sensorium.storage.write_lane import Terms

Report = Callable[[int], None]
_LATEST = (1 << 63) - 1


class SnapshotShelf:
    """Snapshots below one directory, known to the store.

    Args:
        store: Knows which there are.
        directory: Holds `{workspace}/{collection}/{snapshot}.sqlite3`.
        max_page_size: The most snapshots of one page.
    """

    def __init__(self, store: Store, directory: Path, max_page_size: int) -> None:
        self._store = store
        self._directory = directory
        self._max_page_size = max_page_size
        self._workers = Workers("search-snapshot", 1)

    def close(self) -> None:
        """End the thread."""
        self._workers.close()

    async def make(self, name: SnapshotName, stored: StoredCollection, report: Report) -> Snapshot:
        """Copy a collection as it is at one moment, while it is written to."""
        file = self._file(name)

        def copy() -> tuple[Snapshot, str]:
            with self._store.snapshot() as source:
                moment = datetime.now(UTC)
                count = snapshot_file.write(source, stored.key, file, report)
            return Snapshot(name, count, file.stat().st_size, moment), snapshot_file.digest(file)

        made, sha256 = await self._workers.run(copy)
        await self._store.write(lambda connection: snapshots.add(connection, made, sha256))
        return made

    async def restore(self, name: SnapshotName, target: CollectionName, report: Report) -> None:
        """Make the collection `target` from a snapshot; it is seen when it is whole.

        Raises:
            DataLoss: The snapshot is damaged; nothing was made.
            AlreadyExists: `target` exists.
        """
        _, sha256 = await self._store.read(lambda connection: snapshots.read(connection, name))
        source = snapshot_file.opened(self._file(name), sha256)
        snapshot = await self._workers.run(source.__enter__)
        try:
            await self._fill(snapshot, target, report)
        finally:
            await self._workers.run(lambda: source.__exit__(None, None, None))

    async def _fill(self, snapshot: Connection, target: CollectionName, report: Report) -> None:
        row = await self._workers.run(lambda: snapshot_file.collection_of(snapshot))
        key, uid = await self._store.write(lambda connection: restoring.begin(connection, row))
        try:
            parts = snapshot_file.documents_of(snapshot)
            while rows := await self._workers.run(lambda: next(parts, None)):
                await self._store.write(partial(restoring.load, collection=key, rows=rows), Terms(len(rows), bulk=True))
                report(len(rows))
            await self._store.write(lambda connection: collections.publish(connection, uid, target))
        except BaseException:
            await self._store.write(lambda connection: collections.drop(connection, uid), Terms(frees=True))
            raise

    async def page(self, collection: CollectionName, page_size: int, page_token: str) -> Page[Snapshot]:
        """Return a page of the snapshots of a collection, latest first: one is made at a time, so moments differ."""
        size = list_pages.checked_size(page_size, self._max_page_size)
        mark = list_pages.request_mark("snapshots", str(collection))
        before = list_pages.list_number(page_token, mark, _LATEST)
        found = await self._store.read(lambda connection: snapshots.page(connection, collection, before, size + 1))
        token = list_pages.list_token(mark, str(found[size - 1][0])) if len(found) > size else ""
        return Page(tuple(snapshot for _, snapshot in found[:size]), token)

    async def remove(self, name: SnapshotName) -> None:
        """Delete a snapshot. Raises NotFound."""
        await self._store.write(lambda connection: snapshots.remove(connection, name), Terms.of_call(frees=True))
        await self._workers.run(lambda: self._file(name).unlink(missing_ok=True))

    def _file(self, name: SnapshotName) -> Path:
        return self._directory / name.collection.workspace / name.collection.id / f"{name.id}.sqlite3"
