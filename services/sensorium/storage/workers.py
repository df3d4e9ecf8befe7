"""Runs blocking work in a few threads behind a bounded queue, so that the event loop never waits."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sensorium import context
from sensorium.errors import DeadlineExceeded, ResourceExhausted

T = TypeVar("T")
RETRY_AFTER_SECONDS = 0.1


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
        self._queue = queue
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, run in a thread.

        Raises:
            ResourceExhausted: QUEUE_FULL, when too many calls wait.
            DeadlineExceeded: The call's deadline passed before a thread was free.
        """
        if self._queue and self._waiting >= self._queue:
            raise ResourceExhausted(
                f"the {self._name} queue is full: {self._queue} calls wait", retry_after=RETRY_AFTER_SECONDS
            )
        self._waiting += 1
        try:
            call = contextvars.copy_context()
            return await asyncio.get_running_loop().run_in_executor(self._pool, call.run, _in_time, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for the work under way, and end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _in_time(work: Callable[[], T]) -> T:
    left = context.remaining()
    if left is not None and left <= 0:
        raise DeadlineExceeded("the deadline passed while the call waited for a thread")
    return work()
