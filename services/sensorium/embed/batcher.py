"""Joins waiting parts of like length from different calls into one inference request.

Nothing waits for company: a batch leaves as soon as a slot is free, and while all slots are in use, batches form by
themselves. Interactive work goes first; of the batches that leave while both lanes wait, every eighth is bulk.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import structlog

from sensorium import context
from sensorium.context import CallContext
from sensorium.embed.batch import Batch, take_batch
from sensorium.embed.lane import Lane
from sensorium.embed.throughput import Throughput
from sensorium.embed.work import Outputs, Payload, Work, shutting_down
from sensorium.errors import DeadlineExceeded, Internal, ResourceExhausted, SensoriumError
from sensorium.model.embedding import Priority

_BULK_EVERY = 8
_SMALLEST_SPLIT = 4  # a batch is split no further than to this part of the token budget
# Of two calls that take turns from the first moment on, the shorter is delayed by at most its own length.
_TURNS = 2
# An estimate is some percent off: were calls taken up to their last moment, half of them would just come too late.
_USABLE_SHARE = 0.85
_RETRY_SECONDS = (0.05, 30.0)
_UNKNOWN_RETRY_SECONDS = 1.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How large batches and queues may be.

    Attributes:
        batch_tokens: The most tokens of one batch, padding included.
        batch_items: The most parts of one batch.
        inflight: Batches under way at once.
        queue_tokens: The most tokens that wait in one lane; a call that finds its lane empty may be larger.
        lengths: Sequence lengths to pad to, ascending; empty pads to the longest of a batch.
        unit: What is counted, for messages: tokens of text, or images and clips, each of which counts as one.
    """

    batch_tokens: int = 512
    batch_items: int = 64
    inflight: int = 3
    queue_tokens: int = 262_144
    lengths: tuple[int, ...] = ()
    unit: str = "tokens"

    def padded(self, length: int) -> int:
        """Return the length that a part of `length` is padded to at least."""
        return next((each for each in self.lengths if each >= length), length)


Read_contra = TypeVar("Read_contra", contravariant=True)


class BatchRunner(Protocol[Read_contra]):
    """Runs one batch through the model."""

    async def __call__(
        self, payloads: Sequence[Read_contra], length: int, priority: Priority
    ) -> Sequence[Outputs | SensoriumError]:
        """Return the outputs or an error for each payload, padded to `length`, in order."""
        ...


class Batcher(Generic[Payload]):
    """The queue of one tower. Leaving its block ends what waits or runs with Unavailable.

    Args:
        run: The tower.
        limits: Of batches and queues.
        length: How long a payload is, in the unit of the limits.
    """

    def __init__(
        self,
        run: BatchRunner[Payload],
        limits: BatchLimits,
        *,
        length: Callable[[Any], int] = len,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run_batch = run
        self._limits = limits
        self._length = length
        self._clock = clock
        self._lanes: dict[Priority, Lane[Payload]] = {priority: Lane() for priority in Priority}
        self._throughput = Throughput()
        self._running: dict[asyncio.Task[None], Batch[Payload]] = {}
        self._since_bulk = 0
        self._last_end = 0.0
        self._fill_planned = False
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End what waits or runs with Unavailable."""
        self._closed = True
        gone = [work for lane in self._lanes.values() for work in lane.works()]
        gone += [item.work for batch in self._running.values() for item in batch.items]
        for work in gone:
            work.fail(shutting_down())
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def submit(self, payloads: Sequence[Payload], priority: Priority) -> Sequence[Outputs | SensoriumError]:
        """Return the outputs or an error for each payload, in order. There must be one at least.

        Time in the queue and in the model is recorded on the current call. When the caller is cancelled, what still
        waits is forgotten.

        Raises:
            ResourceExhausted: The lane is full; `retry_after` says when it should have room.
            DeadlineExceeded: The deadline passed, or cannot be met with the work that waits.
            Unavailable: The batcher is closed.
        """
        loop = asyncio.get_running_loop()
        work = self._admit(payloads, priority, loop.create_future())
        if not self._fill_planned:
            # After all that has arrived in this turn of the loop, so that it can share a batch.
            self._fill_planned = True
            loop.call_soon(self._fill)
        try:
            async with asyncio.timeout_at(context.deadline_on_loop(loop)):
                await work.done
        except TimeoutError:
            raise DeadlineExceeded(f"the deadline passed while the {self._limits.unit} waited for the model") from None
        finally:
            self._lanes[priority].discard(work)
            work.record_times(self._clock())
        return [outcome for outcome in work.outcomes if outcome is not None]

    def _admit(self, payloads: Sequence[Payload], priority: Priority, done: asyncio.Future[None]) -> Work[Payload]:
        if self._closed:
            raise shutting_down()
        work: Work[Payload] = Work(context.current() or CallContext(), self._clock(), done)
        for payload in payloads:
            work.add(payload, self._limits.padded(self._length(payload)))
        self._check_room(work, priority)
        self._check_deadline(work, priority)
        self._lanes[priority].add(work)
        return work

    def _check_room(self, work: Work[Payload], priority: Priority) -> None:
        lane, limit = self._lanes[priority], self._limits.queue_tokens
        excess = lane.tokens + sum(item.length for item in work.items) - limit
        if lane.tokens and excess > 0:
            shortest, longest = _RETRY_SECONDS
            seconds = self._throughput.seconds_for(min(excess, lane.tokens))
            raise ResourceExhausted(
                f"the {priority} queue is full: {lane.tokens} of {limit} {self._limits.unit} wait",
                metadata={"limit": str(limit), "actual": str(lane.tokens)},
                retry_after=_UNKNOWN_RETRY_SECONDS if seconds is None else min(max(seconds, shortest), longest),
            )

    def _check_deadline(self, work: Work[Payload], priority: Priority) -> None:
        left = work.call.remaining()
        if left is None:
            return
        if left <= 0:
            raise DeadlineExceeded(f"the deadline had passed when the {self._limits.unit} were ready for the model")
        needed = self._seconds_needed(work, priority, _USABLE_SHARE * left)
        if needed > _USABLE_SHARE * left:
            raise DeadlineExceeded(
                f"the {self._limits.unit} would take about {needed:.1f} s, but {left:.1f} s are left"
            )

    def _seconds_needed(self, work: Work[Payload], priority: Priority, enough: float) -> float:
        """Return how long `work` would take at least; 0 when that is unknown, a rough bound when below `enough`.

        Calls take turns, so each that waits delays `work` by no more tokens than `work` has itself. It counts with all
        it brought, whatever is left of it: under load another comes in its place as soon as it is done.
        """
        own = sum(item.length for item in work.items)
        running = sum(batch.tokens for batch in self._running.values())
        ahead = [lane for each, lane in self._lanes.items() if each in {priority, Priority.INTERACTIVE}]
        rough = self._throughput.seconds_for(own + running + sum(lane.tokens for lane in ahead))
        if rough is None or rough <= enough / _TURNS:
            return rough or 0.0
        delays = sum(min(own, other.tokens) for lane in ahead for other in lane.works())
        return self._throughput.seconds_for(own + running + delays) or 0.0

    def _fill(self) -> None:
        """Let batches leave while there are free slots."""
        self._fill_planned = False
        while not self._closed and (free := self._limits.inflight - len(self._running)) > 0:
            priority = self._next_lane()
            if priority is None:
                return
            self._start(self._take(priority, free), saturated=free == 1)

    def _next_lane(self) -> Priority | None:
        interactive, bulk = self._lanes[Priority.INTERACTIVE], self._lanes[Priority.BULK]
        if bulk and (not interactive or self._since_bulk >= _BULK_EVERY - 1):
            self._since_bulk = 0
            return Priority.BULK
        if interactive:
            self._since_bulk += bool(bulk)
            return Priority.INTERACTIVE
        return None

    def _take(self, priority: Priority, free: int) -> Batch[Payload]:
        limits, lane = self._limits, self._lanes[priority]
        max_tokens = limits.batch_tokens
        if free > 1:
            # What waits is shared out over the free slots, so that no instance idles beside a large batch.
            max_tokens = min(max_tokens, max(lane.tokens // free, max_tokens // _SMALLEST_SPLIT))
        return take_batch(lane, priority, max_tokens=max_tokens, max_items=limits.batch_items)

    def _start(self, batch: Batch[Payload], *, saturated: bool) -> None:
        now = self._clock()
        for item in batch.items:
            item.work.started = item.work.started or now
        # In the context of the call whose turn it was, so that its trace goes on to the inference server.
        variables = batch.items[0].work.variables.copy()
        task = asyncio.get_running_loop().create_task(self._run(batch, now, saturated), context=variables)
        self._running[task] = batch
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._fill()

    async def _run(self, batch: Batch[Payload], started: float, saturated: bool) -> None:
        call = CallContext(batch.items[0].work.call.request_id, batch.deadline)
        with context.opened(call):
            outcomes = await self._outcomes(batch)
        for item, outcome in zip(batch.items, outcomes, strict=True):
            item.work.settle(item.index, outcome)
        now = self._clock()
        if saturated:
            self._throughput.record(batch.tokens, now - max(started, self._last_end))
        self._last_end = now

    async def _outcomes(self, batch: Batch[Payload]) -> Sequence[Outputs | SensoriumError]:
        try:
            return await self._run_batch([item.payload for item in batch.items], batch.length, batch.priority)
        except SensoriumError as error:
            return [error] * len(batch.items)
        except Exception:
            _log.exception("batch_failed", items=len(batch.items), length=batch.length)
            return [Internal("the model could not be run")] * len(batch.items)
