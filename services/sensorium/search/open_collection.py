"""A collection in use, whose index stays open as long as somebody works with it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sensorium.search.collections import StoredCollection
from sensorium.search.follower import Follower
from sensorium.search.standby import Standby


class OpenCollection:
    """What a collection is, and its index.

    Attributes:
        stored: The collection as it was when it was opened.
        follower: Its index, or what stands in while that is being made.
        pruned_seq: Tombstones up to this sequence number are gone, or will be.
        optimising: Whether its index is being optimised.
        leaving: Set when those who use it for long should stop; any thread may look.
    """

    def __init__(self, stored: StoredCollection, follower: Follower | Standby) -> None:
        self.stored = stored
        self.follower = follower
        self.pruned_seq = stored.pruned_seq
        self.optimising = False
        self.leaving = threading.Event()
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @property
    def standby(self) -> Standby | None:
        """What stands in for its index; None when it has one."""
        return self.follower if isinstance(self.follower, Standby) else None

    @asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        """Keep the index open for the body."""
        self._users += 1
        self._unused.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def unused(self) -> None:
        """Wait until nobody uses it."""
        self.leaving.set()
        await self._unused.wait()
