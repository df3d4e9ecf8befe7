"""Makes versions that are copies of others, in the background of the calls that ask for them."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from functools import partial
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy import Connection

from sensorium import context
from sensorium.dataset import version_copying as copying
from sensorium.dataset import versions
from sensorium.dataset.patience import PASSING
from sensorium.dataset.repeats import Repeatable, RequestId
from sensorium.errors import Internal, SensoriumError
from sensorium.model.dataset import DatasetVersion, VersionSpec, VersionState
from sensorium.model.dataset_names import VersionName
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

# How often what changed meanwhile is copied in pieces before the rest of it is copied at once.
PASSES = 5
# A call waits for its copy as long, so that whoever copies little gets a version that can be read.
WAIT_SECONDS = 10.0
# What another process has left, and what waits for room or a catalog that is away, is looked at as often.
LOOK_SECONDS = 30.0

_log = structlog.get_logger(__name__)


class VersionCopies:
    """Copies versions, and goes on with the copies that a process has left. An async context manager.

    Args:
        store: An open catalog.
        silent_seconds: How long a copy of another process on the same catalog may add nothing before it is taken for
            dead; 0 where there is no other process.
    """

    def __init__(self, store: Store, silent_seconds: float = 0) -> None:
        self._store = store
        self._silent_seconds = silent_seconds
        self._copies: dict[int, asyncio.Task[DatasetVersion]] = {}
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Go on with what a process that has ended was copying."""
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Stop copies; they go on at the next start."""
        tasks = [*self._copies.values(), *([self._following] if self._following else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def copy(self, source: VersionName, spec: VersionSpec, repeat: RequestId) -> DatasetVersion:
        """Return a new version of the source's dataset with its files and tags, or as it is after some seconds.

        The copy goes on when its caller goes away; a repeat with the same request id waits for it, or finds it.

        Raises:
            NotFound: There is no such version, or it was deleted meanwhile; nothing of the copy is left.
            FailedPrecondition: The source is not whole itself.
        """
        begun = Repeatable(
            make=lambda sql: copying.begin(sql, source, spec),
            answer=lambda made: made.name.number,
            recall=lambda sql, number: versions.get(sql, VersionName(source.dataset, int(str(number)))),
        )

        def begin(sql: Connection) -> tuple[int, DatasetVersion]:
            made = repeat.once(sql, begun)
            return versions.any_row(sql, made.name).key, made

        key, made = await self._store.write(begin, Terms(bulk=True))
        return made if made.state is not VersionState.COPYING else await self._waited(key, made.name, repeat)

    async def _waited(self, key: int, name: VersionName, repeat: RequestId) -> DatasetVersion:
        task = self._task(key, name)
        left = context.remaining()
        await asyncio.wait([task], timeout=WAIT_SECONDS if left is None else min(WAIT_SECONDS, left / 2))
        if not task.done():
            return await self._store.read(lambda sql: versions.get(sql, name))
        try:
            return task.result()
        except SensoriumError:  # Who waits is told, and need not clean up.
            await self._store.write(lambda sql: _forget(sql, key, repeat), Terms(1, frees=True))
            raise

    def _task(self, key: int, name: VersionName) -> "asyncio.Task[DatasetVersion]":
        """Return the task that copies to the version in row `key`, begun if need be."""
        if key not in self._copies:
            # In a context of its own: the deadline of the call is not that of the copy.
            task = asyncio.create_task(self._copy(key, name), context=Context())
            self._copies[key] = task
            task.add_done_callback(lambda done: self._ended(key, done))
        return self._copies[key]

    def _ended(self, key: int, task: "asyncio.Task[DatasetVersion]") -> None:
        del self._copies[key]
        if not task.cancelled() and task.exception():  # Its caller may be gone.
            _log.warning("version_copy_failed", error=str(task.exception()))

    async def _copy(self, key: int, name: VersionName) -> DatasetVersion:
        try:
            return await self._copied(key, name)
        except PASSING as error:
            _log.warning("version_copy_waits", version=str(name), error=error.message)
            await self._note(key, error, final=False)
            return await self._store.read(lambda sql: versions.get(sql, name))
        except SensoriumError as error:
            await self._note(key, error, final=True)
            raise
        except Exception as error:
            _log.exception("version_copy_broke", version=str(name))
            fault = Internal("a fault of this server: its log says more")
            await self._note(key, fault, final=True)
            raise fault from error

    async def _copied(self, key: int, name: VersionName) -> DatasetVersion:
        while await self._write(partial(copying.copy_piece, version=key)):
            pass
        await self._catch_up(key)
        return await self._store.write(lambda sql: copying.finish(sql, key, name), Terms(bulk=True))

    async def _catch_up(self, key: int) -> None:
        """Copy what changed meanwhile until little is left, or it changes too fast."""
        for _ in range(PASSES):
            if await self._store.read(partial(copying.changed, version=key)) < copying.PIECE:
                return
            while await self._write(partial(copying.copy_changed, version=key)):
                pass

    async def _write(self, piece: Callable[[Connection], bool]) -> bool:
        return await self._store.write(piece, Terms(copying.PIECE, bulk=True))

    async def _note(self, key: int, error: SensoriumError, *, final: bool) -> None:
        """Write why a copy does not go on; it may be the catalog itself that takes nothing."""
        try:
            await self._store.write(partial(copying.note, version=key, error=error, final=final), Terms(1, frees=True))
        except PASSING as worse:
            _log.warning("version_copy_state_not_written", error=worse.message)

    async def _follow(self) -> None:
        """Begin the copies that nobody works on, again and again."""
        while True:
            try:
                left = partial(copying.unfinished, silent_seconds=self._silent_seconds)
                for key, name in await self._store.read(left):
                    self._task(key, name)
            except SensoriumError as error:
                _log.warning("version_copies_wait", error=error.message)
            await asyncio.sleep(LOOK_SECONDS)


def _forget(sql: Connection, key: int, repeat: RequestId) -> None:
    copying.discard(sql, key)
    repeat.forget(sql)
