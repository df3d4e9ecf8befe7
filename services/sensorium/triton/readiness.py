"""What is known of Triton and its models, and word of every change, so that health follows the backend."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """Where the server is in its life."""

    STARTING = "starting"
    SERVING = "serving"
    DOWN = "down"  # it ended or hangs; a new start follows
    FAILED = "failed"  # it cannot start before somebody mends the installation
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ModelState:
    """Whether a model may be called; `error` says why not."""

    ready: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class TritonState:
    """The server and its models at one moment.

    Attributes:
        phase: Where the server is in its life.
        models: The state of each wanted model that was tried since the last start.
        restarts: How often it had to be started again.
        error: Why the phase is DOWN or FAILED, with the last lines of the server's log.
    """

    phase: Phase = Phase.STARTING
    models: Mapping[str, ModelState] = field(default_factory=dict)
    restarts: int = 0
    error: str = ""

    def ready(self, model: str) -> bool:
        """Return whether `model` is loaded and its canary has passed."""
        return model in self.models and self.models[model].ready


class Readiness:
    """Holds the current state; one task publishes, any number follow."""

    def __init__(self) -> None:
        self.state = TritonState()
        self._changed = asyncio.Event()

    def publish(self, state: TritonState) -> None:
        """Make `state` the current one and wake the followers."""
        if state != self.state:
            self.state = state
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    async def changes(self) -> AsyncIterator[TritonState]:
        """Yield the current state, then each later one; a slow follower skips to the latest."""
        while True:
            changed, state = self._changed, self.state
            yield state
            await changed.wait()

    async def wait_for(self, wanted: Callable[[TritonState], bool]) -> TritonState:
        """Return the first state, from now on, that is `wanted`."""
        while True:
            changed, state = self._changed, self.state
            if wanted(state):
                return state
            await changed.wait()
