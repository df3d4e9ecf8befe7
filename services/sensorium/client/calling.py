"""One call of a client: it has a deadline, and waits when the server says that it is full for now."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sensorium import context
from sensorium.errors import InvalidArgument, Reason, ResourceExhausted

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


class Caller:
    """Makes calls that each end by a deadline.

    RESOURCE_EXHAUSTED with a delay is repeated after that delay: nothing was started, so a repeat is harmless. The
    channel repeats UNAVAILABLE where that is harmless; nothing else is repeated.

    Args:
        timeout: Seconds for one call, repeats included.
        retries: How often a call is repeated at most.
        sleep: Waits; for tests.
    """

    def __init__(self, timeout: float, retries: int, sleep: Sleep = asyncio.sleep) -> None:
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what `call` returns; raise its error, the last one after repeats."""
        with context.opened(self._context()) as opened, _only_unicode():
            for _ in range(self._retries):
                try:
                    return await call()
                except ResourceExhausted as error:
                    delay = _spread(error)
                    if delay is None or delay >= (opened.remaining() or 0.0):
                        raise
                await self._sleep(delay)
            return await call()

    def _context(self) -> context.CallContext:
        """Return the context of a new call, within the caller's own when there is one."""
        deadline = time.monotonic() + self._timeout
        outer = context.current()
        if outer is None:
            return context.CallContext(deadline=deadline)
        return context.CallContext(outer.request_id, min(deadline, outer.deadline or deadline))


@contextmanager
def _only_unicode() -> Iterator[None]:
    """Refuse a name or an option that cannot be sent, such as half of a surrogate pair."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"a text is not valid Unicode: {error.reason}", reason=Reason.REQUEST_MALFORMED) from None


def _spread(error: ResourceExhausted) -> float | None:
    """Return the delay that the server asked for and up to a quarter more, so that callers do not return at once."""
    return None if error.retry_after is None else spread(error.retry_after)


def spread(delay: float) -> float:
    """Return a delay of that many seconds and up to a quarter more."""
    return delay * random.uniform(1.0, 1.25)  # noqa: S311
