"""The two Tritons that a supervisor can look after: our own child process and one that others run."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from sensorium.settings import TritonSettings
from sensorium.triton.installation import find_installation
from sensorium.triton.launcher import free_ports, prepare, sweep
from sensorium.triton.process import TritonProcess


class Server(Protocol):
    """One run of a Triton."""

    @property
    def target(self) -> str:
        """Its gRPC address."""
        ...

    @property
    def is_ours(self) -> bool:
        """Whether we load its models and may end it."""
        ...

    @property
    def shared_prefix(self) -> str:
        """What the names of our regions in its shared memory start with; empty when it does not see ours."""
        ...

    async def ended(self) -> str:
        """Wait until it has ended; return how."""
        ...

    def kill(self) -> None:
        """End it at once, when it is ours."""
        ...

    def last_lines(self) -> str:
        """Return the last lines of its log; empty when it is not ours."""
        ...


ServerFactory = Callable[[], AbstractAsyncContextManager[Server]]


class ExternalTriton:
    """A Triton that others run: it is asked, never started, stopped or told what to load."""

    is_ours = False
    shared_prefix = ""

    def __init__(self, target: str) -> None:
        self.target = target

    async def ended(self) -> str:
        """Wait for ever: only the probes show that it is gone."""
        await asyncio.Event().wait()
        raise AssertionError("never set")

    def kill(self) -> None:
        """Do nothing."""

    def last_lines(self) -> str:
        """Return nothing: its log is elsewhere."""
        return ""


def server_factory(settings: TritonSettings) -> ServerFactory:
    """Return how to enter one run of the Triton that `settings` ask for."""
    return lambda: _external(settings.target) if settings.target else _own(settings)


@asynccontextmanager
async def _external(target: str) -> AsyncIterator[Server]:
    yield ExternalTriton(target)


@asynccontextmanager
async def _own(settings: TritonSettings) -> AsyncIterator[Server]:
    installation = await asyncio.to_thread(find_installation, settings.environment)
    sweep()
    async with TritonProcess(prepare(settings, installation, free_ports(settings.port))) as process:
        yield process
