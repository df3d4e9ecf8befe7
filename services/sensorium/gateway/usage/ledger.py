"""Counts usage in memory, which costs calls nothing, and writes it down every second or so."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from sensorium import context
from sensorium.gateway.usage.store import UsageStore
from sensorium.gateway.usage.tally import HOUR_MICROS, Account, Tally
from sensorium.model.embedding import Usage
from sensorium.model.search import Page
from sensorium.model.usage import UsageQuery, UsageRecord
from sensorium.ports import UsageReader

Micros = Callable[[], int]

_log = structlog.get_logger(__name__)


def _now() -> int:
    return time.time_ns() // 1000


class UsageLedger(UsageReader):
    """What was consumed: what the store has, and what is still to be written.

    Args:
        store: Keeps it; open for as long as the ledger is used.
        now: Tells the microseconds since 1970.
    """

    def __init__(self, store: UsageStore, now: Micros = _now) -> None:
        self._store = store
        self._now = now
        self._fresh = Tally()
        self._flushing = asyncio.Lock()
        self._writable = True

    def count(self, workspace: str, model: str, usage: Usage) -> None:
        """Count a call of a model for the key of the current call."""
        moment = self._now()
        account = Account(moment - moment % HOUR_MICROS, workspace, context.key_id(), model)
        self._fresh.count(account, usage)

    async def list_usage(self, query: UsageQuery, page_size: int, page_token: str) -> Page[UsageRecord]:
        """Return a page of what was consumed until now, by time, workspace, key and model.

        Raises:
            InvalidArgument: The size is negative; PAGE_TOKEN_INVALID.
            Unavailable: The file cannot be read.
        """
        await self.flush()
        return await asyncio.to_thread(self._store.page, query, page_size, page_token)

    async def flush(self) -> None:
        """Write down what was counted; what cannot be written stays counted, and is tried again."""
        async with self._flushing:
            if not self._fresh:
                return
            taken, self._fresh = self._fresh, Tally()
            try:
                await asyncio.to_thread(self._store.add, taken)
            except Exception as error:  # Whatever it is, nothing that was counted may be lost to it.
                self._fresh.merge(taken)
                if self._writable:
                    _log.error("usage_unwritable", exc_info=error)
                self._writable = False
            else:
                self._writable = True

    async def follow(self, every_seconds: float) -> None:
        """Flush again and again, until cancelled."""
        while True:
            await asyncio.sleep(every_seconds)
            await asyncio.shield(self.flush())


@asynccontextmanager
async def opened_ledger(store: UsageStore, every_seconds: float) -> AsyncIterator[UsageLedger]:
    """Give a ledger that writes every so often, and once more when the block ends."""
    with store:
        ledger = UsageLedger(store)
        following = asyncio.create_task(ledger.follow(every_seconds), name="usage")
        try:
            yield ledger
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await ledger.flush()
