"""Reads files of logical versions and of copies, each where its record says that it comes from."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from sqlalchemy import select

from sensorium.dataset.storages.each_head import each_head
from sensorium.dataset.storages.file_store import FileStore, ListedFile
from sensorium.dataset.tables import files
from sensorium.errors import FailedPrecondition, NotFound, Reason, SensoriumError
from sensorium.storage.store import Store

Origin = tuple[str, str]
Open = Callable[[Origin], Awaitable[FileStore]]


class LogicalFiles:
    """Implements `FileStore`; a version without a storage of its own has no folder to list.

    Args:
        store: An open catalog.
        version: The row of the version.
        opened: Opens a storage, by its connection and the folder or prefix in it.
        own: The version's own storage, where files are read whose records name no other; None for a logical version.
    """

    def __init__(self, store: Store, version: int, opened: Open, own: FileStore | None = None) -> None:
        self._own = own
        self._store = store
        self._version = version
        self._opened = opened
        self._known: dict[Origin, FileStore] = {}

    def batches(self, prefix: str, size: int) -> AsyncIterator[Sequence[ListedFile]]:
        """List the version's own storage. Raises FailedPrecondition when it has none."""
        return self._folder(prefix).batches(prefix, size)

    async def stat(self, uri: str) -> ListedFile:
        """Return one file as a listing would show it."""
        return await (await self._origin(uri)).stat(uri)

    async def head(self, uri: str, most: int) -> bytes:
        """Return the first bytes of a file."""
        return await (await self._origin(uri)).head(uri, most)

    async def heads(self, uris: Sequence[str], most: int) -> list[bytes | SensoriumError]:
        """Return the first bytes of several files, or why there are none."""
        return await each_head(self, uris, most)

    async def read(self, uri: str, most: int) -> bytes:
        """Return a file."""
        return await (await self._origin(uri)).read(uri, most)

    async def chunks(self, uri: str, size: int) -> AsyncIterator[bytes]:
        """Yield a file."""
        async for chunk in (await self._origin(uri)).chunks(uri, size):
            yield chunk

    def uri_of(self, path: str) -> str:
        """Return the URI of a path in the version's own storage. Raises FailedPrecondition when it has none."""
        return self._folder(path).uri_of(path)

    async def probe(self) -> None:
        """Try the version's own storage, if it has one."""
        if self._own:
            await self._own.probe()

    def _folder(self, path: str) -> FileStore:
        if self._own is None:
            raise _folderless(path)
        return self._own

    async def _origin(self, uri: str) -> FileStore:
        mine = (files.c.version == self._version) & (files.c.uri == uri)
        wanted = select(files.c.origin_connection, files.c.origin_uri).where(mine)
        row = await self._store.read(lambda sql: sql.execute(wanted).one_or_none())
        if self._own and (row is None or not row.origin_uri):
            return self._own
        if row is None or not row.origin_uri:
            raise NotFound(f"nothing says where {uri} is read", metadata={"resource": uri})
        origin = (row.origin_connection, row.origin_uri)
        if origin not in self._known:
            self._known[origin] = await self._opened(origin)
        return self._known[origin]


def _folderless(path: str) -> FailedPrecondition:
    shown = f": {path}" if path else ""
    return FailedPrecondition(
        f"a logical dataset has no folder of its own{shown}: files come to it by exports", reason=Reason.STATE_UNFIT
    )
