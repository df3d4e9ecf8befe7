"""Runs blocking work in a few threads behind a bounded queue, so that the event loop never waits."""

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sensorium import context
from sensorium.errors import DeadlineExceeded, ResourceExhausted
from sensorium.storage.pace import USABLE_SHARE, Pace

T = TypeVar("T")
SHORTEST_RETRY_SECONDS = 0.1


class Workers:
    """A bounded pool of threads.

    Args:
        name: What the threads are for; the start of their names.
        threads: How many work at once.
        queue: How many calls may be under way or wait; 0 means any number.
    """

    def __init__(self, name: str, threads: int, queue: int = 0) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._threads = threads
        self._queue = queue
        self._waiting = 0
        self._pace = Pace()

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, run in a thread.

        Raises:
            ResourceExhausted: QUEUE_FULL, when too many calls wait.
            DeadlineExceeded: The call's deadline passed before a thread was free, or would.
        """
        self._admit()
        self._waiting += 1
        try:
            call = contextvars.copy_context()
            return await asyncio.get_running_loop().run_in_executor(self._pool, call.run, self._timed, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for the work under way, and end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _admit(self) -> None:
        needed = self._pace.seconds_for((self._waiting + 1) / self._threads)
        if self._queue and self._waiting >= self._queue:
            raise ResourceExhausted(
                f"the {self._name} queue is full: {self._queue} calls wait",
                metadata={"limit": str(self._queue)},
                retry_after=max(SHORTEST_RETRY_SECONDS, needed / 2),
            )
        left = context.remaining()
        # While a thread is free, nothing is refused for what others took.
        if left is not None and self._waiting >= self._threads and needed > USABLE_SHARE * left:
            raise DeadlineExceeded(
                f"the call would wait about {needed:.1f} s for the {self._name} threads, but {left:.1f} s are left"
            )

    def _timed(self, work: Callable[[], T]) -> T:
        left = context.remaining()
        if left is not None and left <= 0:
            raise DeadlineExceeded("the deadline passed while the call waited for a thread")
        started = time.monotonic()
        try:
            return work()
        finally:
            self._pace.record(1, time.monotonic() - started)
