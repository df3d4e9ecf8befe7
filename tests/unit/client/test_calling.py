"""A call repeats what a full server refused, within its deadline and no more often than it may."""

import time

import pytest

from sensorium import context
from sensorium.client.calling import Caller
from sensorium.errors import ResourceExhausted, SensoriumError, Unavailable


class Server:
    """Raises the errors it is given, one at each call, then answers."""

    def __init__(self, *errors: SensoriumError) -> None:
        self.errors = list(errors)
        self.remaining: list[float | None] = []
        self.request_ids: set[str] = set()

    async def __call__(self) -> str:
        self.remaining.append(context.remaining())
        self.request_ids.add(context.request_id())
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


class Clock:
    """Notes how long it should have slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def full(seconds: float | None = 0.5) -> ResourceExhausted:
    return ResourceExhausted("full", retry_after=seconds)


async def test_repeats_after_the_delay_and_a_little_more() -> None:
    server, clock = Server(full(), full()), Clock()
    assert await Caller(30, 5, clock.sleep)(server) == "answer"
    assert len(clock.slept) == 2
    assert all(0.5 <= seconds <= 0.625 for seconds in clock.slept)
    assert len(server.request_ids) == 1


async def test_gives_up_after_its_repeats() -> None:
    server, clock = Server(*[full() for _ in range(9)]), Clock()
    with pytest.raises(ResourceExhausted):
        await Caller(30, 2, clock.sleep)(server)
    assert len(clock.slept) == 2
    assert len(server.remaining) == 3


@pytest.mark.parametrize("error", [full(None), full(40), Unavailable("down", retry_after=0.1)])
async def test_never_repeats_what_cannot_help(error: SensoriumError) -> None:
    server, clock = Server(error), Clock()
    with pytest.raises(type(error)):
        await Caller(30, 5, clock.sleep)(server)
    assert clock.slept == []


async def test_a_call_inside_another_keeps_its_deadline_and_request_id() -> None:
    server = Server()
    outer = context.CallContext("outer", time.monotonic() + 2)
    with context.opened(outer):
        await Caller(30, 5)(server)
        assert context.current() is outer
    (remaining,) = server.remaining
    assert remaining is not None
    assert remaining <= 2
    assert server.request_ids == {"outer"}
