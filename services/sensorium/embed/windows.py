"""Works through much in windows, so that memory is bounded."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

WINDOW = 32  # a call holds the tensors of two windows at most: one that is decoded, one that waits for the model

Waiting = TypeVar("Waiting")
Prepared = TypeVar("Prepared")


async def in_windows(
    waiting: Sequence[Waiting],
    prepare: Callable[[Sequence[Waiting]], Awaitable[Prepared]],
    run: Callable[[Prepared], Coroutine[Any, Any, None]],
) -> None:
    """Prepare one window after the other, each while the one before runs."""
    before: asyncio.Task[None] | None = None
    try:
        for start in range(0, len(waiting), WINDOW):
            prepared = await prepare(waiting[start : start + WINDOW])
            if before:
                await before
            before = asyncio.create_task(run(prepared))
        if before:
            await before
    finally:
        if before and not before.done():
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)
