"""Bounds how many images and sounds are at work, so that a flood of them is refused at the door."""

from collections.abc import Iterator
from contextlib import contextmanager

from sensorium.errors import ResourceExhausted

_RETRY_SECONDS = 1.0


class MediaQueue:
    """Room for `limit` images and sounds of all calls; a call that finds it empty may bring more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0

    @contextmanager
    def entered(self, count: int) -> Iterator[None]:
        """Keep room for `count` during the body. Raises ResourceExhausted when there is not enough."""
        if self._count and self._count + count > self._limit:
            raise ResourceExhausted(
                f"the queue of images and sounds is full: {self._count} of {self._limit} are at work",
                metadata={"limit": str(self._limit), "actual": str(self._count)},
                retry_after=_RETRY_SECONDS,
            )
        self._count += count
        try:
            yield
        finally:
            self._count -= count
