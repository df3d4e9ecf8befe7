"""Repeats what failed for a reason that goes by, so that a moment without a service costs a job nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sensorium.errors import DeadlineExceeded, ResourceExhausted, SensoriumError, Unavailable

# Errors that go by: whoever meets one may repeat what it did.
PASSING = (Unavailable, ResourceExhausted, DeadlineExceeded)
# Whoever is told to come back later than this does not wait, but says so.
LONGEST_WAIT_SECONDS = 60.0

T = TypeVar("T")


async def patiently(work: Callable[[], Awaitable[T]], seconds: Sequence[float]) -> T:
    """Return what `work` returns, after a repeat behind each of the waits, which are longer when an error says so.

    Raises:
        SensoriumError: The last error, or the first that does not go by within a minute.
    """
    for wait in seconds:
        try:
            return await work()
        except PASSING as error:
            await asyncio.sleep(_wait(wait, error))
    return await work()


def _wait(seconds: float, error: SensoriumError) -> float:
    if (error.retry_after or 0.0) > LONGEST_WAIT_SECONDS:
        raise error
    return max(seconds, error.retry_after or 0.0)
