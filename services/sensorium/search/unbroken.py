"""Runs work to its end also when the caller goes away: what the store knows, the process must learn."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class Unbroken:
    """Work that outlives the call which asked for it, and knows nothing of its deadline."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns."""
        task = asyncio.create_task(work, context=Context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def settle(self) -> None:
        """Wait until all has ended."""
        await asyncio.gather(*self._running, return_exceptions=True)
