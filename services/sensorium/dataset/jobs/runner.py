"""Runs jobs as durable workflows of DBOS, which goes on with what a process left when it died.

What a job has done stands in its ledger; a workflow only knows that a job must be stepped until there is no more to do.
So it is harmless when DBOS runs a step again, and when a workflow is lost: at the start every job that has not ended is
started again under its id, which does nothing when DBOS has it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from dbos import DBOS, DBOSConfiguredInstance, SetWorkflowID

FILE = "jobs.sqlite3"
# DBOS goes on with workflows of the same executor and the same version of the code alone. Both are pinned: there is one
# executor for a data directory, and what a workflow does between its steps never changes.
EXECUTOR = "dataset"
VERSION = "1"

Advance = Callable[[str, int], Awaitable[bool]]


class Runner(Protocol):
    """Sees to it that jobs are stepped until there is no more to do."""

    async def start(self, job: str, run: int) -> None:
        """Begin a run of a job; nothing happens when it was begun before."""
        ...


@DBOS.dbos_class()
class _Workflows(DBOSConfiguredInstance):
    """The workflow of every job; steps run on the event loop of the service, where its store lives."""

    def __init__(self, advance: Advance, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__("jobs")
        self._advance = advance
        self._loop = loop

    @DBOS.step()
    async def advance(self, job: str, run: int) -> bool:
        """Do one step of a run of a job; return whether there is more to do."""
        working = asyncio.run_coroutine_threadsafe(self._step(job, run), self._loop)
        return await asyncio.wrap_future(working)

    @DBOS.workflow()
    async def run(self, job: str, run: int) -> None:
        """Step a run of a job until there is no more to do."""
        while await self.advance(job, run):
            pass

    async def _step(self, job: str, run: int) -> bool:
        return await self._advance(job, run)


class DurableRunner:
    """Implements `Runner` while its context is open; there is one in a process.

    Args:
        data_dir: Where `jobs.sqlite3` is.
        advance: Does one step.
    """

    def __init__(self, data_dir: Path, advance: Advance) -> None:
        self._file = data_dir / FILE
        self._advance = advance
        self._workflows: _Workflows

    async def __aenter__(self) -> Self:
        logging.getLogger("dbos").setLevel(logging.WARNING)
        DBOS(
            config={
                "name": "sensorium",
                "system_database_url": f"sqlite:///{self._file}",
                "application_version": VERSION,
                "executor_id": EXECUTOR,
                "log_level": "WARNING",
            }
        )
        self._workflows = _Workflows(self._advance, asyncio.get_running_loop())
        await asyncio.to_thread(DBOS.launch)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(lambda: DBOS.destroy(destroy_registry=False))

    async def start(self, job: str, run: int) -> None:
        """Begin a run of a job; nothing happens when it was begun before."""
        with SetWorkflowID(f"{job}-{run}"):
            await DBOS.start_workflow_async(self._workflows.run, job, run)
