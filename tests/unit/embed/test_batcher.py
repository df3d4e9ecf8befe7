"""The batcher joins like lengths, adds no delay, and keeps its promises about lanes, limits, deadlines and turns."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorium import context
from sensorium.context import CallContext, Stage
from sensorium.embed.batcher import Batcher, BatchLimits
from sensorium.embed.work import Outputs
from sensorium.errors import (
    DeadlineExceeded,
    Internal,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.model.embedding import Priority

INTERACTIVE, BULK = Priority.INTERACTIVE, Priority.BULK


class Runner:
    """Answers with vectors that depend on the ids alone. While held, each batch waits for a `release`."""

    def __init__(self) -> None:
        self.batches: list[list[list[int]]] = []
        self.lengths: list[int] = []
        self.priorities: list[Priority] = []
        self.deadlines: list[float | None] = []
        self.errors: dict[int, Exception] = {}
        self._held: asyncio.Semaphore | None = None
        self._seen = asyncio.Condition()

    def hold(self) -> None:
        self._held = asyncio.Semaphore(0)

    def release(self, count: int = 1000) -> None:
        assert self._held is not None
        for _ in range(count):
            self._held.release()

    async def started(self, count: int) -> None:
        async with asyncio.timeout(5), self._seen:
            await self._seen.wait_for(lambda: len(self.batches) >= count)

    async def __call__(
        self, sequences: Sequence[Sequence[int]], length: int, priority: Priority
    ) -> Sequence[Outputs | SensoriumError]:
        call = context.current()
        self.batches.append([list(ids) for ids in sequences])
        self.lengths.append(length)
        self.priorities.append(priority)
        self.deadlines.append(call.deadline if call else None)
        number = len(self.batches) - 1
        async with self._seen:
            self._seen.notify_all()
        if self._held is not None:
            await self._held.acquire()
        if number in self.errors:
            raise self.errors[number]
        return [Internal("not finite") if ids[0] < 0 else Outputs(vector(ids)) for ids in sequences]


def vector(ids: Sequence[int]) -> np.ndarray:
    return np.array([len(ids), sum(ids), ids[0]], np.float32)


def ids(length: int, first: int = 1) -> list[int]:
    return [first] * length


@asynccontextmanager
async def batching(runner: Runner, **limits: object) -> AsyncIterator[Batcher]:
    async with Batcher(runner, BatchLimits(**limits)) as batcher:
        yield batcher


@asynccontextmanager
async def busy(runner: Runner, **limits: object) -> AsyncIterator[Batcher]:
    """A batcher whose one slot is taken until `runner.release`."""
    runner.hold()
    async with batching(runner, inflight=1, **limits) as batcher:
        first = asyncio.create_task(batcher.submit([ids(1)], INTERACTIVE))
        await runner.started(1)
        yield batcher
        runner.release()
        await first


async def test_a_lone_call_is_run_at_once() -> None:
    runner = Runner()
    async with batching(runner) as batcher:
        (made,) = await batcher.submit([ids(3)], INTERACTIVE)
    assert np.array_equal(made.dense, vector(ids(3)))
    assert runner.batches == [[ids(3)]]


async def test_calls_that_arrive_together_share_a_batch() -> None:
    runner = Runner()
    async with batching(runner) as batcher:
        await asyncio.gather(*(batcher.submit([ids(5, n)], INTERACTIVE) for n in range(1, 9)))
    assert len(runner.batches) == 1


async def test_waiting_texts_are_joined_by_length_not_by_arrival() -> None:
    runner = Runner()
    async with busy(runner) as batcher, asyncio.TaskGroup() as group:
        for length in (4, 100, 5, 101, 6, 99):
            group.create_task(batcher.submit([ids(length)], INTERACTIVE))
        await asyncio.sleep(0)
        runner.release()
    assert [sorted(map(len, batch)) for batch in runner.batches[1:]] == [[4, 5, 6], [99, 100, 101]]
    assert runner.lengths[1:] == [6, 101]


async def test_a_batch_keeps_within_tokens_and_items() -> None:
    runner = Runner()
    async with busy(runner, batch_tokens=100, batch_items=8) as batcher:
        waiting = asyncio.gather(
            batcher.submit([ids(20)] * 12, INTERACTIVE), batcher.submit([ids(2)] * 12, INTERACTIVE)
        )
        await asyncio.sleep(0)
        runner.release()
        await waiting
    assert all(len(batch) * length <= 100 for batch, length in zip(runner.batches, runner.lengths, strict=True))
    assert max(map(len, runner.batches)) == 8


async def test_a_text_longer_than_the_token_budget_is_run_alone() -> None:
    runner = Runner()
    async with batching(runner, batch_tokens=10) as batcher:
        await batcher.submit([ids(50)], INTERACTIVE)
    assert runner.lengths == [50]


async def test_lengths_are_rounded_up_where_the_device_wants_few_shapes() -> None:
    runner = Runner()
    async with batching(runner, lengths=(8, 16)) as batcher:
        for length in (3, 8, 9, 40):
            await batcher.submit([ids(length)], INTERACTIVE)
    assert runner.lengths == [8, 8, 16, 40]


async def test_what_waits_is_shared_out_over_idle_slots() -> None:
    runner = Runner()
    async with batching(runner, inflight=2, batch_tokens=512) as batcher:
        await batcher.submit([ids(32)] * 16, INTERACTIVE)
    assert [len(batch) for batch in runner.batches] == [8, 8]


async def test_one_call_over_several_batches_is_answered_in_order() -> None:
    runner = Runner()
    sequences = [ids(1 + n * 7 % 50, n + 1) for n in range(100)]
    async with batching(runner, batch_tokens=64) as batcher:
        made = await batcher.submit(sequences, BULK)
    assert len(runner.batches) > 10
    assert np.array_equal([each.dense for each in made], [vector(sequence) for sequence in sequences])


async def test_interactive_work_goes_first_and_bulk_never_starves() -> None:
    runner = Runner()
    async with busy(runner, batch_items=1) as batcher:
        waiting = asyncio.gather(batcher.submit([ids(4)] * 3, BULK), batcher.submit([ids(4)] * 20, INTERACTIVE))
        await asyncio.sleep(0)
        runner.release()
        await waiting
    order = runner.priorities[1:]
    assert order[:7] == [INTERACTIVE] * 7
    assert [number for number, priority in enumerate(order) if priority is BULK] == [7, 15, 22]


async def test_a_single_text_does_not_wait_for_all_of_a_large_call() -> None:
    runner = Runner()
    async with busy(runner, batch_items=4) as batcher:
        large = asyncio.create_task(batcher.submit([ids(30)] * 200, INTERACTIVE))
        await asyncio.sleep(0)
        small = asyncio.create_task(batcher.submit([ids(8)], INTERACTIVE))
        await asyncio.sleep(0)
        runner.release()
        await small
        assert len(runner.batches) <= 5
        await large


async def test_a_full_lane_refuses_with_a_time_to_come_back_and_the_other_lane_does_not() -> None:
    runner = Runner()
    async with busy(runner, queue_tokens=100) as batcher, asyncio.TaskGroup() as group:
        group.create_task(batcher.submit([ids(90)], INTERACTIVE))
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhausted) as caught:
            await batcher.submit([ids(20)], INTERACTIVE)
        group.create_task(batcher.submit([ids(20)], BULK))
        await asyncio.sleep(0)
        runner.release()
    assert caught.value.reason is Reason.QUEUE_FULL
    assert caught.value.retry_after is not None
    assert 0.05 <= caught.value.retry_after <= 30
    assert caught.value.metadata == {"limit": "100", "actual": "90"}


async def test_a_call_larger_than_the_queue_is_taken_when_the_lane_is_empty() -> None:
    runner = Runner()
    async with batching(runner, queue_tokens=10) as batcher:
        assert len(await batcher.submit([ids(5)] * 20, INTERACTIVE)) == 20


async def test_an_expired_deadline_is_refused_before_anything_is_run() -> None:
    runner = Runner()
    async with batching(runner) as batcher:
        with context.opened(CallContext(deadline=time.monotonic() - 1)), pytest.raises(DeadlineExceeded):
            await batcher.submit([ids(3)], INTERACTIVE)
    assert runner.batches == []


async def test_a_text_whose_deadline_passes_in_the_queue_is_never_run() -> None:
    runner = Runner()
    async with busy(runner) as batcher:
        with context.opened(CallContext(deadline=time.monotonic() + 0.02)), pytest.raises(DeadlineExceeded):
            await batcher.submit([ids(77)], INTERACTIVE)
        runner.release()
    assert [ids(77)] not in runner.batches


async def test_work_that_cannot_meet_its_deadline_is_refused_at_once() -> None:
    runner, now = Runner(), 0.0
    batcher = Batcher(runner, BatchLimits(inflight=1), clock=lambda: now)
    runner.hold()
    async with batcher:
        measured = asyncio.create_task(batcher.submit([ids(100)], INTERACTIVE))
        await runner.started(1)
        now = 10.0  # so 10 tokens a second
        runner.release(1)
        await measured
        with (
            context.opened(CallContext(deadline=time.monotonic() + 5)),
            pytest.raises(DeadlineExceeded, match=r"about 10\.0 s"),
        ):
            await batcher.submit([ids(100)], INTERACTIVE)
    assert len(runner.batches) == 1


async def test_what_runs_and_what_turns_will_go_to_count_against_a_deadline() -> None:
    runner, now = Runner(), 0.0
    batcher = Batcher(runner, BatchLimits(batch_tokens=100, inflight=1), clock=lambda: now)
    runner.hold()
    async with batcher:
        measured = asyncio.create_task(batcher.submit([ids(100)], INTERACTIVE))
        await runner.started(1)
        now = 10.0  # so 10 tokens a second
        runner.release(1)
        await measured
        # One text of the other call runs, one waits: 10 s each, as are our own two.
        other = asyncio.create_task(batcher.submit([ids(100)] * 2, INTERACTIVE))
        await runner.started(2)
        with (
            context.opened(CallContext(deadline=time.monotonic() + 45)),
            pytest.raises(DeadlineExceeded, match=r"about 50\.0 s"),
        ):
            await batcher.submit([ids(100)] * 2, INTERACTIVE)
        runner.release()
        await other


async def test_a_batch_runs_until_the_latest_of_its_deadlines() -> None:
    runner = Runner()
    near, far = time.monotonic() + 50, time.monotonic() + 100
    async with batching(runner) as batcher:

        async def call(deadline: float) -> None:
            with context.opened(CallContext(deadline=deadline)):
                await batcher.submit([ids(4)], INTERACTIVE)

        await asyncio.gather(call(near), call(far))
    assert runner.deadlines == [far]


async def test_what_a_cancelled_caller_still_waits_for_is_not_run() -> None:
    runner = Runner()
    async with busy(runner) as batcher:
        gone = asyncio.create_task(batcher.submit([ids(9)] * 50, INTERACTIVE))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        runner.release()
        await batcher.submit([ids(3)], INTERACTIVE)
    assert all(len(batch[0]) != 9 for batch in runner.batches)


async def test_an_error_of_one_batch_fails_its_texts_alone() -> None:
    runner = Runner()
    runner.errors[1] = Unavailable("away")
    async with batching(runner, batch_items=2, inflight=1) as batcher:
        outcomes = await batcher.submit([ids(4, n) for n in range(1, 7)], INTERACTIVE)
    failed = [isinstance(outcome, Unavailable) for outcome in outcomes]
    assert failed == [False, False, True, True, False, False]


async def test_an_unexpected_error_becomes_internal_and_the_batcher_goes_on() -> None:
    runner = Runner()
    runner.errors[0] = RuntimeError("secret")
    async with batching(runner) as batcher:
        (outcome,) = await batcher.submit([ids(4)], INTERACTIVE)
        (made,) = await batcher.submit([ids(4)], INTERACTIVE)
    assert isinstance(outcome, Internal)
    assert "secret" not in outcome.message
    assert np.array_equal(made.dense, vector(ids(4)))


async def test_one_bad_text_fails_alone() -> None:
    runner = Runner()
    async with batching(runner) as batcher:
        good, bad, fine = await batcher.submit([ids(4), ids(4, -1), ids(4)], INTERACTIVE)
    assert isinstance(bad, Internal)
    assert np.array_equal(good.dense, fine.dense)


async def test_closing_ends_what_waits_and_what_runs() -> None:
    runner = Runner()
    runner.hold()
    async with batching(runner, inflight=1) as batcher:
        calls = [asyncio.create_task(batcher.submit([ids(4)], INTERACTIVE)) for _ in range(3)]
        await runner.started(1)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {(type(each), each.reason) for each in outcomes} == {(Unavailable, Reason.SHUTTING_DOWN)}
    with pytest.raises(Unavailable):
        await batcher.submit([ids(4)], INTERACTIVE)


async def test_time_in_the_queue_and_in_the_model_is_recorded() -> None:
    runner = Runner()
    with context.opened(CallContext()) as call:
        async with batching(runner) as batcher:
            await batcher.submit([ids(4)], INTERACTIVE)
    assert set(call.stages) == {Stage.QUEUE, Stage.INFERENCE}
    assert all(seconds >= 0 for seconds in call.stages.values())


CALLS = st.lists(
    st.tuples(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.sampled_from(Priority)), min_size=1, max_size=12
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CALLS, st.integers(1, 4), st.integers(1, 200), st.integers(1, 8))
async def test_any_mix_of_calls_gets_what_each_text_gets_alone(
    calls: list[tuple[list[int], Priority]], inflight: int, tokens: int, items: int
) -> None:
    runner = Runner()
    async with batching(runner, inflight=inflight, batch_tokens=tokens, batch_items=items) as batcher:
        texts = [[ids(length, 1 + n) for n, length in enumerate(lengths)] for lengths, _ in calls]
        answers = await asyncio.gather(
            *(batcher.submit(each, priority) for each, (_, priority) in zip(texts, calls, strict=True))
        )
    for each, made in zip(texts, answers, strict=True):
        assert np.array_equal([one.dense for one in made], [vector(sequence) for sequence in each])
    assert sum(map(len, runner.batches)) == sum(map(len, texts))
