"""How far a job is, told by the thread that works to those who watch."""

import asyncio
import threading
import time
from collections.abc import Callable

_EVERY_SECONDS = 0.2


class Stopped(Exception):
    """The job is to stop; raised where it reports."""


class Progress:
    """Counts what is done; `advance` may be called by any thread.

    Args:
        changed: Called on the event loop with the count, now and then.
    """

    def __init__(self, changed: Callable[[int], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._stopping = threading.Event()
        self._told = 0.0
        self.done = 0

    def stop(self) -> None:
        """Let the next `advance` raise."""
        self._stopping.set()

    def advance(self, count: int) -> None:
        """Note that `count` more are done.

        Raises:
            Stopped: The job is to stop.
        """
        if self._stopping.is_set():
            raise Stopped
        self.done += count
        if time.monotonic() - self._told > _EVERY_SECONDS:
            self._told = time.monotonic()
            self._loop.call_soon_threadsafe(self._changed, self.done)
