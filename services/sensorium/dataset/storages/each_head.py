"""Reads the heads of several files from a storage that is asked for one at a time, some at once."""

import asyncio
from collections.abc import Sequence

from sensorium.dataset.storages.file_store import OF_ONE_FILE, FileStore
from sensorium.errors import SensoriumError

READERS = 8


async def each_head(storage: FileStore, uris: Sequence[str], most: int) -> list[bytes | SensoriumError]:
    """Return what `FileStore.heads` promises, by calls of `head`."""
    gate = asyncio.Semaphore(READERS)

    async def head(uri: str) -> bytes | SensoriumError:
        async with gate:
            try:
                return await storage.head(uri, most)
            except OF_ONE_FILE as error:
                return error

    return list(await asyncio.gather(*map(head, uris)))
