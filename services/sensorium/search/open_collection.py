"""A collection in use, whose index stays open as long as somebody works with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sensorium.search.collections import StoredCollection
from sensorium.search.follower import Follower


class OpenCollection:
    """What a collection is, and its index.

    Attributes:
        stored: The collection as it was when it was opened.
        follower: Its index.
        pruned_seq: Tombstones up to this sequence number are gone, or will be.
        optimising: Whether its index is being optimised.
    """

    def __init__(self, stored: StoredCollection, follower: Follower) -> None:
        self.stored = stored
        self.follower = follower
        self.pruned_seq = stored.pruned_seq
        self.optimising = False
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

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
        await self._unused.wait()
