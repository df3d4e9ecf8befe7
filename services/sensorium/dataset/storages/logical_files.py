"""Reads the files of a version without a storage of its own, each where its record says that it comes from."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from sqlalchemy import select

from sensorium.dataset.storages.file_store import FileStore, ListedFile
from sensorium.dataset.tables import files
from sensorium.errors import FailedPrecondition, NotFound, Reason
from sensorium.storage.store import Store

Origin = tuple[str, str]
Open = Callable[[Origin], Awaitable[FileStore]]


class LogicalFiles:
    """Implements `FileStore`, but for lists: a logical dataset has no folder.

    Args:
        store: An open catalog.
        version: The row of the version.
        opened: Opens a storage, by its connection and the folder or prefix in it.
    """

    def __init__(self, store: Store, version: int, opened: Open) -> None:
        self._store = store
        self._version = version
        self._opened = opened
        self._known: dict[Origin, FileStore] = {}

    def batches(self, prefix: str, size: int) -> AsyncIterator[Sequence[ListedFile]]:  # noqa: ARG002
        """Refuse to list. Raises FailedPrecondition."""
        raise _folderless(prefix)

    async def stat(self, uri: str) -> ListedFile:
        """Return one file as a listing would show it."""
        return await (await self._origin(uri)).stat(uri)

    async def head(self, uri: str, most: int) -> bytes:
        """Return the first bytes of a file."""
        return await (await self._origin(uri)).head(uri, most)

    async def read(self, uri: str, most: int) -> bytes:
        """Return a file."""
        return await (await self._origin(uri)).read(uri, most)

    async def chunks(self, uri: str, size: int) -> AsyncIterator[bytes]:
        """Yield a file."""
        async for chunk in (await self._origin(uri)).chunks(uri, size):
            yield chunk

    def uri_of(self, path: str) -> str:
        """Refuse: there is no folder that `path` could be in. Raises FailedPrecondition."""
        raise _folderless(path)

    async def probe(self) -> None:
        """Return: there is nothing to reach before a file is asked for."""

    async def _origin(self, uri: str) -> FileStore:
        mine = (files.c.version == self._version) & (files.c.uri == uri)
        wanted = select(files.c.origin_connection, files.c.origin_uri).where(mine)
        row = await self._store.read(lambda sql: sql.execute(wanted).one_or_none())
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
