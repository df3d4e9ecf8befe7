"""The parts of one call on their way through the batcher."""

import asyncio
import contextvars
from dataclasses import dataclass, field, replace
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from sensorium import context
from sensorium.context import CallContext, Stage
from sensorium.errors import Reason, SensoriumError, Unavailable
from sensorium.model.vector import SparseVector

Row = NDArray[np.float32]  # a dense vector, shape [dimension]
Payload = TypeVar("Payload")  # what the model reads of one part: token ids, pixels, a waveform


@dataclass(frozen=True, eq=False, slots=True)
class Outputs:
    """What a model made of one part: what was asked for, at least.

    Attributes:
        dense: float32 [dimension].
        sparse: Weights over the vocabulary.
        multi: float32 [vectors, dimension of each], one for each token.
    """

    dense: Row | None = None
    sparse: SparseVector | None = None
    multi: NDArray[np.float32] | None = None

    def joined(self, other: Self) -> Self:
        """Return what either holds; no kind may be in both."""
        dense = self.dense if other.dense is None else other.dense
        multi = self.multi if other.multi is None else other.multi
        return replace(self, dense=dense, sparse=self.sparse or other.sparse, multi=multi)


@dataclass(eq=False, slots=True)
class Item(Generic[Payload]):
    """One part: what the model reads of it, and the length that it is padded to at least."""

    work: "Work[Payload]"
    index: int
    payload: Payload
    length: int
    waiting: bool = False


@dataclass(eq=False, slots=True)
class Work(Generic[Payload]):
    """The parts of one call for one tower, and what has come of each so far.

    Attributes:
        call: The context of the call, for its deadline.
        variables: The context variables of the call, so that a trace goes on in the batches made for it.
        arrived: When it came, on `time.monotonic`'s clock.
        started: When the first of its parts left the queue; None before that.
        tokens: How much it is, in the unit of the batcher.
        waiting_tokens: How much of it still waits, in the unit of the batcher.
        done: Set when every part has its outcome.
    """

    call: CallContext
    arrived: float
    done: asyncio.Future[None]
    variables: contextvars.Context = field(default_factory=contextvars.copy_context)
    items: list[Item[Payload]] = field(default_factory=list)
    outcomes: list[Outputs | SensoriumError | None] = field(default_factory=list)
    started: float | None = None
    tokens: int = 0
    waiting_tokens: int = 0
    missing: int = 0
    _next: int = 0

    def add(self, payload: Payload, length: int) -> None:
        """Add one part."""
        self.items.append(Item(self, len(self.items), payload, length))
        self.outcomes.append(None)
        self.missing += 1
        self.tokens += length

    def first_waiting(self) -> Item[Payload]:
        """Return the oldest part that still waits; there must be one."""
        while not self.items[self._next].waiting:
            self._next += 1
        return self.items[self._next]

    def settle(self, index: int, outcome: Outputs | SensoriumError) -> None:
        """Note what came of one part."""
        self.outcomes[index] = outcome
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: SensoriumError) -> None:
        """End the whole call with `error`."""
        if not self.done.done():
            self.done.set_exception(error)

    def record_times(self, now: float) -> None:
        """Record the time until the first part left the queue, and from there to the last outcome."""
        started = self.started or now
        context.record(Stage.QUEUE, started - self.arrived)
        context.record(Stage.INFERENCE, now - started)


def shutting_down() -> Unavailable:
    """Return the error of what comes too late."""
    return Unavailable("the embed service is shutting down", reason=Reason.SHUTTING_DOWN, retry_after=1.0)
