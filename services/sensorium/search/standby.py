"""Stands in for an index that is being made: searches go to the store, and what was answered is remembered."""

import asyncio
import threading

from sensorium.errors import Unavailable


class Standby:
    """A follower without an index, whose searches scan the stored vectors. Several threads may call `catch_up`.

    Args:
        answered_seq: The sequence number up to which every change was answered.

    Attributes:
        ended: Set when an index has taken its place, or none could be made.
        fault: Why none could be made.
    """

    index = None

    def __init__(self, answered_seq: int) -> None:
        self._answered = answered_seq
        self._noting = threading.Lock()
        self.ended = asyncio.Event()
        self.fault: Unavailable | None = None

    @property
    def applied_seq(self) -> int:
        """The sequence number up to which changes were answered: the index in its place must hold them all."""
        return self._answered

    @property
    def flushed_seq(self) -> int:
        """Nothing is on disk."""
        return 0

    @property
    def unoptimised(self) -> int:
        """Nothing can be optimised."""
        return 0

    def catch_up(self, seq: int) -> None:
        """Note that all changes up to `seq` are answered: the store shows them."""
        with self._noting:
            self._answered = max(self._answered, seq)

    def optimise(self) -> None:
        """Nothing can be optimised."""

    def close(self) -> None:
        """Nothing is held."""

    async def wait(self) -> None:
        """Wait until it is needed no longer.

        Raises:
            Unavailable: No index could be made.
        """
        await self.ended.wait()
        if self.fault:
            raise self.fault
