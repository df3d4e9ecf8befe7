"""Runs jobs as durable workflows of DBOS, which goes on with what a process left when it died.

What a job has done stands in its ledger; a workflow only knows that a job must be stepped until there is no more to do.
So it is harmless when DBOS runs a step again, and when a workflow is lost: at the start every job that has not ended is
started again under its id, which does nothing when DBOS has it. For the same reason DBOS, whose import alone takes
seconds, can wait for the first job of a process.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from sensorium.dataset.jobs.workflows import Workflows

Advance = Callable[[str, int], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Executor:
    """Which of the processes that run jobs this is.

    Attributes:
        url: The database in which DBOS keeps what it knows.
        name: The process, among all that ever use that database.
    """

    url: str
    name: str


class Runner(Protocol):
    """Sees to it that jobs are stepped until there is no more to do."""

    async def start(self, job: str, run: int) -> None:
        """Begin a run of a job; nothing happens when it was begun before."""
        ...


class DurableRunner:
    """Implements `Runner` while its context is open; there is one in a process.

    Args:
        executor: Which process this is.
        advance: Does one step.
    """

    def __init__(self, executor: Executor, advance: Advance) -> None:
        self._executor = executor
        self._advance = advance
        self._launching: asyncio.Task[Workflows] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._launching and not _failed(self._launching):
            workflows = await self._launching
            await asyncio.to_thread(workflows.close)
            # DBOS made its threads those of the loop, and has ended them; what is closed after this needs others.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    async def start(self, job: str, run: int) -> None:
        """Begin a run of a job; nothing happens when it was begun before. The first call launches DBOS."""
        if self._launching is None or _failed(self._launching):
            self._launching = asyncio.create_task(asyncio.to_thread(self._launch, asyncio.get_running_loop()))
        # A caller who does not wait for it leaves it to the next one.
        workflows = await asyncio.shield(self._launching)
        await workflows.start(job, run)

    def _launch(self, loop: asyncio.AbstractEventLoop) -> "Workflows":
        workflows = import_module("sensorium.dataset.jobs.workflows")
        made: Workflows = workflows.Workflows(self._executor, self._advance, loop)
        return made


def _failed(task: "asyncio.Task[Workflows]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
