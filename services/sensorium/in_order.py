"""Answers a stream of requests, several at once, in their order."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")


async def in_order(
    requests: AsyncIterator[Request], answer: Callable[[Request], Awaitable[Answer]], *, depth: int
) -> AsyncGenerator[Answer]:
    """Yield the answer to each request, in order.

    At most `depth` requests have been read whose answers are not yet taken; the sender is held back meanwhile. The
    first error, in order, ends the stream; what runs behind it is cancelled.
    """
    room = asyncio.Semaphore(depth)
    answers: asyncio.Queue[asyncio.Task[Answer] | None] = asyncio.Queue()
    running: set[asyncio.Task[Answer]] = set()

    async def answered(request: Request) -> Answer:
        return await answer(request)

    async def read() -> None:
        try:
            await room.acquire()
            async for request in requests:
                task = asyncio.create_task(answered(request))
                running.add(task)
                answers.put_nowait(task)
                await room.acquire()
        finally:
            answers.put_nowait(None)

    reader = asyncio.create_task(read())
    try:
        while (task := await answers.get()) is not None:
            yield await task
            running.discard(task)
            room.release()
        await reader
    finally:
        await _cancelled(reader, *running)


async def _cancelled(*tasks: "asyncio.Task[object]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
