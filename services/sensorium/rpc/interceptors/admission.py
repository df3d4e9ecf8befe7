"""Bounds the calls at work and the time of each, and lets them finish when the server shuts down."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sensorium import context
from sensorium.errors import DeadlineExceeded, Reason, ResourceExhausted, SensoriumError, Unavailable

_RETRY_AFTER_SECONDS = 0.5

T = TypeVar("T")


class Admission:
    """The calls at work, each known by the timeout that ends it.

    Args:
        most: The most calls at work at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: set[asyncio.Timeout] = set()
        self._emptied = asyncio.Event()
        self._draining = False

    def __len__(self) -> int:
        return len(self._running)

    async def run(self, seconds: float, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Return what `work`, one call, returns within `seconds`.

        Raises:
            DeadlineExceeded: The time was up, or became so.
            ResourceExhausted: Too many calls are at work.
            Unavailable: The server shuts down, and would not wait for the call any longer.
        """
        self._check(seconds)
        timeout = asyncio.timeout(seconds)
        try:
            async with timeout:
                self._running.add(timeout)
                try:
                    return await work(*arguments)
                finally:
                    self._left(timeout)
        except TimeoutError as fault:
            if timeout.expired():
                raise self._timed_out() from fault
            raise

    async def drain(self, seconds: float) -> None:
        """Take on no more calls; return when those at work have ended, `seconds` from now at the latest."""
        self._draining = True
        end = asyncio.get_running_loop().time() + seconds
        for timeout in self._running:
            timeout.reschedule(min(timeout.when() or end, end))
        while self._running:
            self._emptied.clear()
            await self._emptied.wait()

    def _check(self, seconds: float) -> None:
        if self._draining:
            raise _shutting_down()
        if len(self._running) >= self._most:
            message = f"the server is at work on {self._most} calls, the most that it takes"
            raise ResourceExhausted(message, metadata={"limit": str(self._most)}, retry_after=_RETRY_AFTER_SECONDS)
        if seconds <= 0:
            raise DeadlineExceeded("the deadline passed before the call was started")

    def _left(self, timeout: asyncio.Timeout) -> None:
        self._running.discard(timeout)
        if not self._running:
            self._emptied.set()

    def _timed_out(self) -> SensoriumError:
        """Return why a timeout fired: `drain` may have brought it forward."""
        if self._draining and (context.remaining() or 0) > 0:
            return _shutting_down()
        return DeadlineExceeded("the deadline passed before the call was finished")


def _shutting_down() -> Unavailable:
    return Unavailable("the server is shutting down", reason=Reason.SHUTTING_DOWN)
