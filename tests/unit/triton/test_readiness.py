"""Following the state of Triton."""

import asyncio
from dataclasses import replace

from sensorium.triton.readiness import ModelState, Phase, Readiness, TritonState


async def test_followers_see_the_current_state_and_then_changes() -> None:
    readiness = Readiness()
    serving = TritonState(Phase.SERVING, {"m": ModelState(ready=True)})
    follower = readiness.changes()
    assert (await anext(follower)).phase is Phase.STARTING
    readiness.publish(serving)
    assert await anext(follower) == serving


async def test_a_slow_follower_gets_the_latest_state() -> None:
    readiness = Readiness()
    follower = readiness.changes()
    await anext(follower)
    for restarts in range(5):
        readiness.publish(replace(readiness.state, restarts=restarts))
    assert (await anext(follower)).restarts == 4


async def test_the_same_state_is_no_change() -> None:
    readiness = Readiness()
    follower = readiness.changes()
    await anext(follower)
    waiting = asyncio.ensure_future(anext(follower))
    await asyncio.sleep(0)
    readiness.publish(TritonState())
    await asyncio.sleep(0)
    assert not waiting.done()
    readiness.publish(TritonState(Phase.DOWN))
    assert (await waiting).phase is Phase.DOWN


async def test_waiting_ends_with_the_first_wanted_state() -> None:
    readiness = Readiness()
    waiting = asyncio.ensure_future(readiness.wait_for(lambda state: state.phase is Phase.SERVING))
    for phase in (Phase.DOWN, Phase.SERVING):
        await asyncio.sleep(0)
        readiness.publish(TritonState(phase))
    assert (await waiting).phase is Phase.SERVING


def test_a_model_that_was_not_tried_is_not_ready() -> None:
    state = TritonState(Phase.SERVING, {"good": ModelState(ready=True), "bad": ModelState(ready=False, error="why")})
    assert [state.ready(model) for model in ("good", "bad", "other")] == [True, False, False]
