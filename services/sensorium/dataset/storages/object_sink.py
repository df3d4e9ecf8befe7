"""Writes objects into a bucket that speaks the S3 protocol."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator

from obstore.store import S3Store

from sensorium.dataset.storages.file_sink import Written
from sensorium.dataset.storages.object_files import explained
from sensorium.errors import NotFound, SensoriumError


class ObjectSink:
    """Implements `FileSink` on a bucket; large objects go in parts, and are seen when the last has arrived.

    Args:
        store: The bucket.
        origin: What its URIs start with: `s3://bucket/`.
        base: The prefix of keys, without slashes at its ends; empty for the whole bucket.
    """

    def __init__(self, store: S3Store, origin: str, base: str) -> None:
        self._store = store
        self._origin = origin
        self._base = f"{base}/" if base else ""

    async def exists(self, path: str) -> bool:
        """Return whether there is an object at `path`."""
        try:
            with explained(self._origin + self._base + path):
                await self._store.head_async(self._base + path)
        except NotFound:
            return False
        return True

    async def put(self, path: str, chunks: AsyncIterable[bytes]) -> Written:
        """Write an object."""
        passing = _Passing(chunks)
        try:
            with explained(self._origin + self._base + path):
                await self._store.put_async(self._base + path, passing.chunks())
        except SensoriumError as error:
            # What went wrong where the bytes come from says more than that the store lacks them.
            raise passing.fault or error from None
        return Written(passing.digest.hexdigest(), passing.size)


class _Passing:
    """Chunks on their way to the store: what they add up to, and what went wrong where they come from."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = chunks
        self.digest = hashlib.sha256()
        self.size = 0
        self.fault: SensoriumError | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield them."""
        try:
            async for chunk in self._chunks:
                self.digest.update(chunk)
                self.size += len(chunk)
                yield chunk
        except SensoriumError as error:
            self.fault = error
            raise
