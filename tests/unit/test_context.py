"""The context of a call: its deadline and its stages."""

import asyncio

from sensorium import context
from sensorium.context import CallContext, Stage


def test_outside_a_call_there_is_no_deadline_and_no_id() -> None:
    assert context.remaining() is None
    assert context.request_id() == ""
    context.record(Stage.QUEUE, 1.0)


async def test_tasks_of_a_call_share_its_stages() -> None:
    async def work() -> None:
        with context.timed(Stage.INFERENCE):
            await asyncio.sleep(0)

    with context.opened(CallContext(request_id="r1")) as call:
        await asyncio.gather(work(), work())
        assert context.request_id() == "r1"
        context.record(Stage.QUEUE, 0.25)
    assert set(call.stages) == {Stage.INFERENCE, Stage.QUEUE}
    assert call.stages[Stage.QUEUE] == 0.25
    assert context.current() is None


def test_remaining_time_goes_below_zero_after_the_deadline() -> None:
    call = CallContext(deadline=0.0)
    left = call.remaining()
    assert left is not None
    assert left < 0
