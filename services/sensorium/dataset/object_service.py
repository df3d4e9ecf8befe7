"""Objects of buckets, read through the connections of a workspace for contents that name them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from sensorium.dataset import connections
from sensorium.dataset.connection_service import ConnectionService
from sensorium.errors import DataLoss, InvalidArgument, NotFound, PermissionDenied, Unavailable
from sensorium.media.faults import away, refused, too_long
from sensorium.model.dataset_names import ConnectionName
from sensorium.storage.store import Store

READ_BYTES = 1 << 20


class ObjectService:
    """Reads objects, so that secrets stay here; implements `dataset_ports.Objects`.

    Args:
        store: An open catalog.
        opener: Opens storages, with the secrets of their connections.
    """

    def __init__(self, store: Store, opener: ConnectionService) -> None:
        self._store = store
        self._opener = opener

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

    async def _chunks(self, name: ConnectionName, uri: str) -> AsyncGenerator[bytes]:
        files = await self._opener.open_files(name, "")
        try:
            async for chunk in files.chunks(uri, READ_BYTES):
                yield chunk
        except (NotFound, PermissionDenied, InvalidArgument):
            raise refused(f"names no object that {name} may read") from None
        except (Unavailable, DataLoss):
            raise away(f"the object store of {name} cannot be read") from None

    async def _connection(self, workspace: str, uri: str) -> ConnectionName:
        """Return the connection that has an object. Raises InvalidArgument, URI_REFUSED."""
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if not key:
            raise refused("names a bucket and no object")
        name = await self._store.read(lambda sql: connections.holding(sql, workspace, scheme, bucket, key))
        if name is None:
            raise refused(
                f"names an object in {scheme[:10]}://{bucket[:200]} that no connection of workspaces/{workspace} has: "
                "an admin makes one with `sensorium connection create`"
            )
        return name
