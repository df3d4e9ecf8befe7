"""What belongs to one call and travels beside its arguments: request id, deadline and timings.

The RPC server opens a context for each call; services read it; clients pass the remaining time on. Code that runs
outside a call (a script, a background task) sees no deadline.
"""

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """A stage of a call whose time is reported (types.proto: Timings)."""

    QUEUE = "queue"
    PREPROCESS = "preprocess"
    INFERENCE = "inference"
    SEARCH = "search"


@dataclass(slots=True)
class CallContext:
    """One call.

    Attributes:
        request_id: Names the call in every log line and error.
        deadline: The moment by which it must be answered, on `time.monotonic`'s clock; None without one.
        started: When it arrived, on the same clock.
        stages: Seconds spent in each stage so far.
        key_id: The key that the caller showed, or for whose job this is; empty without one.
        scoped: Whether that key reaches some collections of its workspace alone.
    """

    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    deadline: float | None = None
    started: float = field(default_factory=time.monotonic)
    stages: dict[Stage, float] = field(default_factory=dict)
    key_id: str = ""
    scoped: bool = False

    def remaining(self) -> float | None:
        """Return the seconds until the deadline, negative when it has passed; None without one."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def record(self, stage: Stage, seconds: float) -> None:
        """Add `seconds` to the time of `stage`."""
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds


_current: ContextVar[CallContext | None] = ContextVar("sensorium_call", default=None)


def current() -> CallContext | None:
    """Return the context of the call that this task works for; None outside a call."""
    return _current.get()


def request_id() -> str:
    """Return the id of the current call; empty outside a call."""
    call = _current.get()
    return call.request_id if call else ""


def key_id() -> str:
    """Return the id of the key that the current call is for; empty without one, and outside a call."""
    call = _current.get()
    return call.key_id if call else ""


def remaining() -> float | None:
    """Return the seconds until the current call's deadline; None outside a call or without one."""
    call = _current.get()
    return call.remaining() if call else None


def record(stage: Stage, seconds: float) -> None:
    """Add `seconds` to a stage of the current call; does nothing outside a call."""
    call = _current.get()
    if call:
        call.record(stage, seconds)


@contextmanager
def timed(stage: Stage) -> Iterator[None]:
    """Record the time that the body takes as time of `stage`."""
    start = time.monotonic()
    try:
        yield
    finally:
        record(stage, time.monotonic() - start)


@contextmanager
def opened(call: CallContext) -> Iterator[CallContext]:
    """Make `call` the current one for the body."""
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)


def deadline_on_loop(loop: asyncio.AbstractEventLoop) -> float | None:
    """Return the current deadline on the clock of `loop`, for `asyncio.timeout_at`; None without one."""
    left = remaining()
    return None if left is None else loop.time() + left
