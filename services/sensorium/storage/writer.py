"""Commits changes on one thread, all that wait in one transaction, so that callers share the price of a commit."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, Engine

from sensorium.errors import ResourceExhausted, SensoriumError

T = TypeVar("T")
Change = Callable[[Connection], None]
GROUP_SIZE = 4096
RETRY_AFTER_SECONDS = 0.25


@dataclass(slots=True)
class _Waiting:
    """A change that waits for its commit; `size` is its number of rows."""

    change: Change
    size: int
    committed: "asyncio.Future[None]"


class Writer:
    """The one writer of a store.

    A change must raise its own errors before it changes anything: the transaction goes on without it. Any other error
    rolls the group back, and its changes are then committed one by one.

    Args:
        name: Whose it is; the start of its thread's name.
        engine: Opens write transactions.
        queue: How many rows may wait; beyond it ResourceExhausted.
    """

    def __init__(self, name: str, engine: Engine, queue: int) -> None:
        self._engine = engine
        self._queue = queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-writer")
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._work: asyncio.Task[None] | None = None

    async def write(self, change: Callable[[Connection], T], size: int = 1) -> T:
        """Return what `change` returns, once it is durable.

        A caller that is cancelled while it waits does not take its change back.

        Raises:
            ResourceExhausted: QUEUE_FULL, when too many rows wait.
        """
        self._admit(size)
        results: list[T] = []

        def run(connection: Connection) -> None:
            results[:] = [change(connection)]

        waiting = _Waiting(run, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._size += size
        if self._work is None:
            self._work = asyncio.create_task(self._commit_all())
        await waiting.committed
        return results[0]

    def _admit(self, size: int) -> None:
        if self._size and self._size + size > self._queue:
            raise ResourceExhausted(
                f"the write queue is full: {self._size} rows wait, the limit is {self._queue}",
                retry_after=RETRY_AFTER_SECONDS,
            )

    async def close(self) -> None:
        """Commit what waits, and end the thread."""
        if self._work:
            await self._work
        self._thread.shutdown()

    async def _commit_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group = self._next_group()
            errors = await loop.run_in_executor(self._thread, self._commit, [each.change for each in group])
            self._size -= sum(each.size for each in group)
            for each, error in zip(group, errors, strict=True):
                _answer(each.committed, error)
        self._work = None

    def _next_group(self) -> list[_Waiting]:
        group = [self._waiting.popleft()]
        size = group[0].size
        while self._waiting and size + self._waiting[0].size <= GROUP_SIZE:
            group.append(self._waiting.popleft())
            size += group[-1].size
        return group

    def _commit(self, changes: list[Change]) -> list[Exception | None]:
        try:
            with self._engine.begin() as connection:
                return [_run(change, connection) for change in changes]
        except Exception as error:  # Whatever it is, only the change that caused it may see it.
            if len(changes) == 1:
                return [error]
            return [outcome for change in changes for outcome in self._commit([change])]


def _run(change: Change, connection: Connection) -> SensoriumError | None:
    try:
        change(connection)
    except SensoriumError as error:
        return error
    return None


def _answer(committed: "asyncio.Future[None]", error: Exception | None) -> None:
    if committed.done():  # The caller went away.
        return
    if error:
        committed.set_exception(error)
    else:
        committed.set_result(None)
