"""A stream is answered in order, a few requests at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sensorium.in_order import in_order


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_answers_keep_their_order_though_later_ones_are_ready_first() -> None:
    first = asyncio.Event()

    async def answer(number: int) -> int:
        if number == 0:
            await first.wait()
        else:
            first.set()
        return number * 10

    assert [answer async for answer in in_order(numbers(5), answer, depth=3)] == [0, 10, 20, 30, 40]


async def test_no_more_than_depth_requests_are_begun_before_an_answer_is_taken() -> None:
    begun: list[int] = []

    async def answer(number: int) -> int:
        begun.append(number)
        return number

    answers = in_order(numbers(100), answer, depth=3)
    await anext(answers)
    for _ in range(20):
        await asyncio.sleep(0)
    assert begun == [0, 1, 2]
    await answers.aclose()


async def test_the_first_error_in_order_ends_the_stream_and_cancels_the_rest() -> None:
    cancelled: list[int] = []

    async def answer(number: int) -> int:
        if number == 1:
            raise ValueError("bad")
        if number > 1:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(number)
                raise
        return number

    answers = in_order(numbers(9), answer, depth=4)
    assert await anext(answers) == 0
    with pytest.raises(ValueError, match="bad"):
        await anext(answers)
    assert cancelled


async def test_an_error_of_the_sender_ends_the_stream_after_the_answers() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ConnectionError("gone")

    async def answer(number: int) -> int:
        return number

    answers = in_order(broken(), answer, depth=2)
    assert await anext(answers) == 1
    with pytest.raises(ConnectionError):
        await anext(answers)
