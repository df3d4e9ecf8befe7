"""Makes versions that are copies of others, in the background of the calls that ask for them."""

import asyncio
from contextvars import Context
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self

import structlog
from sqlalchemy import Connection

from sensorium.dataset import version_copying as copying
from sensorium.dataset import versions
from sensorium.dataset.jobs.signals import Signals
from sensorium.dataset.repeats import Repeatable, RequestId
from sensorium.errors import SensoriumError
from sensorium.model.dataset import DatasetVersion, VersionSpec
from sensorium.model.dataset_names import VersionName
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

# How often what changed meanwhile is copied in pieces before the rest of it is copied at once.
PASSES = 5
IDLE_SECONDS = 30.0
LEFT = "copies left behind"

_log = structlog.get_logger(__name__)


class VersionCopies:
    """Copies versions, and removes what copies that did not come to their end have left. An async context manager.

    A copy goes on when its caller goes away; a repeat with the same request id waits for it, or finds it.

    Args:
        store: An open catalog.
        signals: Wakes what removes.
        silent_seconds: How long a copy of another process on the same catalog may add nothing before it is taken for
            dead; 0 where there is no other process.
    """

    def __init__(self, store: Store, signals: Signals, silent_seconds: float = 0) -> None:
        self._silent_seconds = silent_seconds
        self._store = store
        self._signals = signals
        self._working: set[int] = set()
        self._copies: dict[asyncio.Task[DatasetVersion], RequestId] = {}
        self._removing: asyncio.Task[None] | None = None
        # Between the row of a staged version and our knowing of it nothing is removed.
        self._staging = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Begin to remove what a process that was killed has left."""
        self._removing = asyncio.create_task(self._remove())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Stop copies; they are removed at the next start."""
        tasks: list[asyncio.Task[Any]] = [*self._copies, *([self._removing] if self._removing else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def copy(
        self, source: VersionName, spec: VersionSpec, repeat: RequestId, change: Repeatable[DatasetVersion]
    ) -> DatasetVersion:
        """Return a new version of the source's dataset with its files and tags; `change` tells how it is remembered.

        Raises:
            NotFound: There is no such version, or it was deleted meanwhile.
        """
        done = await self._store.read(lambda sql: repeat.recalled(sql, change))
        if done is not None:
            return done
        await self._store.read(lambda sql: versions.row_of(sql, source))
        task = next((each for each, asked in self._copies.items() if asked == repeat and repeat.id), None)
        if task is None:
            # In a context of its own: the deadline of the call is not that of the copy.
            task = asyncio.create_task(self._copy(source, spec, repeat, change), context=Context())
            self._copies[task] = repeat
            task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: "asyncio.Task[DatasetVersion]") -> None:
        del self._copies[task]
        if not task.cancelled() and task.exception():  # Its caller may be gone.
            _log.warning("version_copy_failed", error=str(task.exception()))

    async def _copy(
        self, source: VersionName, spec: VersionSpec, repeat: RequestId, change: Repeatable[DatasetVersion]
    ) -> DatasetVersion:
        before = await self._store.read(lambda sql: versions.row_of(sql, source))
        async with self._staging:
            staged = await self._store.write(lambda sql: copying.stage(sql, source, spec), Terms(bulk=True))
            self._working.add(staged)
        try:
            await self._copy_files(before.key, staged)
            since = await self._catch_up(before.key, staged, before.changes)

            def make(sql: Connection) -> DatasetVersion:
                copying.copy_rest(sql, before.key, staged, since)
                return copying.show(sql, staged, source.dataset)

            return await self._store.write(lambda sql: repeat.once(sql, replace(change, make=make)), Terms(bulk=True))
        finally:
            self._working.discard(staged)
            self._signals.tell(LEFT)

    async def _copy_files(self, source: int, staged: int) -> None:
        after: str | None = ""
        while after is not None:
            end = await self._store.read(partial(copying.piece_end, source=source, after=after))
            piece = partial(copying.copy_piece, source=source, staged=staged, after=after, end=end)
            await self._store.write(piece, Terms(copying.PIECE, bulk=True))
            after = end

    async def _catch_up(self, source: int, staged: int, since: int) -> int:
        """Copy what changed meanwhile until little is left, or it changes too fast; return the last number copied."""
        for _ in range(PASSES):
            last = await self._store.read(lambda sql: copying.changes_of(sql, source))
            while since < last:
                piece = partial(copying.copy_changed, source=source, staged=staged, since=since)
                since = await self._store.write(piece, Terms(copying.PIECE, bulk=True))
            if await self._store.read(partial(copying.changed, source=source, since=since)) < copying.PIECE:
                break
        return since

    async def _remove(self) -> None:
        """Remove what copies have left, whenever one has ended."""
        while True:
            try:
                async with self._staging:
                    found = await self._store.read(partial(copying.left_behind, silent_seconds=self._silent_seconds))
                    left = {*found} - self._working
                for staged in left:
                    piece = partial(copying.remove_piece, staged=staged)
                    while await self._store.write(piece, Terms(copying.PIECE, bulk=True, frees=True)):
                        pass
            except SensoriumError as error:
                _log.warning("left_copies_stay", error=error.message)
            await self._signals.changed(LEFT, IDLE_SECONDS)
