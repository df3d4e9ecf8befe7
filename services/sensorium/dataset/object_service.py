"""Objects of buckets, read through the connections of a workspace for contents that name them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from sensorium.dataset import connections
from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.storages.file_store import FileStore
from sensorium.errors import DataLoss, InvalidArgument, NotFound, PermissionDenied, Unavailable
from sensorium.media.faults import away, refused, too_long
from sensorium.model.connection import Connection
from sensorium.model.dataset_names import ConnectionName
from sensorium.storage.store import Store

READ_BYTES = 1 << 20
MOST_OPENED = 64


class ObjectService:
    """Reads objects, so that secrets stay here; implements `dataset_ports.Objects`.

    Args:
        store: An open catalog.
        opener: Opens storages, with the secrets of their connections.
    """

    def __init__(self, store: Store, opener: ConnectionService) -> None:
        self._store = store
        self._opener = opener
        self._opened: dict[ConnectionName, tuple[str, FileStore]] = {}

    async def read_object(self, workspace: str, uri: str, most: int) -> AsyncGenerator[bytes]:
        """Yield the bytes of an object, at most 1 MiB at a time; no error repeats the URI."""
        if most < 1:
            raise InvalidArgument(f"max_size_bytes: {most} is less than 1", field="max_size_bytes")
        size = 0
        async with aclosing(self._chunks(await self._connection(workspace, uri), uri)) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise too_long(size, most, "bytes")
                for start in range(0, len(chunk), READ_BYTES):
                    yield chunk[start : start + READ_BYTES]

    async def _chunks(self, connection: Connection, uri: str) -> AsyncGenerator[bytes]:
        files = await self._files(connection)
        try:
            async for chunk in files.chunks(uri, READ_BYTES):
                yield chunk
        except (NotFound, PermissionDenied, InvalidArgument):
            raise refused(f"names no object that {connection.name} may read") from None
        except (Unavailable, DataLoss):
            raise away(f"the object store of {connection.name} cannot be read") from None

    async def _files(self, connection: Connection) -> FileStore:
        """Return the files of a connection as it is now; those of some are kept, as opening a bucket takes its time."""
        etag, files = self._opened.pop(connection.name, ("", None))
        if files is None or etag != connection.etag:
            files = await self._opener.open_files(connection.name, "")
        self._opened[connection.name] = connection.etag, files
        if len(self._opened) > MOST_OPENED:
            self._opened.pop(next(iter(self._opened)))  # The one that was used longest ago.
        return files

    async def _connection(self, workspace: str, uri: str) -> Connection:
        """Return the connection that has an object. Raises InvalidArgument, URI_REFUSED."""
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if not key:
            raise refused("names a bucket and no object")
        found = await self._store.read(lambda sql: connections.holding(sql, workspace, scheme, bucket, key))
        if found is None:
            raise refused(
                f"names an object in {scheme[:10]}://{bucket[:200]} that no connection of workspaces/{workspace} has: "
                "an admin makes one with `sensorium connection create`"
            )
        return found
