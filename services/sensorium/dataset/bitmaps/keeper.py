"""Writes the bitmaps of large versions to files while they change, and once more when the process stops."""

import asyncio
import contextlib
from collections.abc import Awaitable
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from sensorium.dataset.bitmaps.library import BitmapLibrary
from sensorium.dataset.bitmaps.shelf import BitmapShelf
from sensorium.errors import SensoriumError
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

EVERY_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class BitmapKeeper:
    """Keeps what a library has made; an async context manager.

    Args:
        store: An open catalog.
        library: Whose bitmaps are kept.
        shelf: Where they are kept.
    """

    def __init__(self, store: Store, library: BitmapLibrary, shelf: BitmapShelf) -> None:
        self._store = store
        self._library = library
        self._shelf = shelf
        self._stopping = asyncio.Event()
        self._working: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._working = asyncio.create_task(self._work())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Keep what is worth it a last time."""
        self._stopping.set()
        await self._working

    async def keep(self) -> None:
        """Write what is worth it."""
        for version in self._library.worth_keeping():
            copied = await asyncio.to_thread(self._library.copied, version)
            if copied is None:
                continue
            arrays, change = copied
            digest = await asyncio.to_thread(self._shelf.write, version, arrays)
            sign = partial(self._shelf.sign, version=version, digest=digest, change=change)
            await self._store.write(sign, Terms(bulk=True))
            await self._store.read(self._shelf.sweep)
            size = sum(each.nbytes for each in arrays.values())
            _log.info("bitmaps_kept", version=version, megabytes=round(size / 1e6, 1))

    async def _work(self) -> None:
        await self._tried(self._store.read(self._shelf.sweep))
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), EVERY_SECONDS)
            await self._tried(self.keep())

    async def _tried(self, work: Awaitable[None]) -> None:
        try:
            await work
        except (OSError, SensoriumError) as error:
            _log.warning("bitmaps_not_kept", error=str(error))
