"""Changes on their way to the writer of a store: on what terms each waits, and whose turn it is."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from sensorium import context

Change = Callable[[Connection], None]
GROUP_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Terms:
    """How a change waits.

    Attributes:
        size: Its rows.
        deadline: When nobody waits for it any more, on `time.monotonic`'s clock; it is not begun after that.
        bulk: Whether it lets others go first.
        frees: Whether it makes room, so that it is taken on a full disk too.
    """

    size: int = 1
    deadline: float | None = None
    bulk: bool = False
    frees: bool = False

    @classmethod
    def of_call(cls, size: int = 1, *, bulk: bool = False, frees: bool = False) -> "Terms":
        """Return the terms of a change that the current call asks for."""
        call = context.current()
        return cls(size, call.deadline if call else None, bulk, frees)

    def late(self) -> bool:
        """Return whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline


@dataclass(slots=True)
class Waiting:
    """A change that waits for its commit."""

    change: Change
    terms: Terms
    committed: "asyncio.Future[None]"


class WriteLane:
    """Changes that wait, in order; `rows` is how many rows they and those under way have."""

    def __init__(self) -> None:
        self.rows = 0
        self.waiting: deque[Waiting] = deque()

    def add(self, waiting: Waiting) -> None:
        """Let a change wait."""
        self.waiting.append(waiting)
        self.rows += waiting.terms.size

    def take_group(self) -> list[Waiting]:
        """Take what goes into one transaction; there must be a change."""
        group = [self.waiting.popleft()]
        size = group[0].terms.size
        while self.waiting and size + self.waiting[0].terms.size <= GROUP_SIZE:
            group.append(self.waiting.popleft())
            size += group[-1].terms.size
        return group
