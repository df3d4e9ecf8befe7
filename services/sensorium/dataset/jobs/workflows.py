"""The workflow of every job as DBOS runs it; its import takes seconds, so that `runner` imports this when it must."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from dbos import DBOS, DBOSConfiguredInstance, SetWorkflowID

from sensorium.dataset.jobs.runner import Executor

# DBOS goes on with workflows of the same executor and the same version of the code alone. Both are pinned: an executor
# has the name of its worker, and the version changes only with what a workflow does between its steps. Both stand in
# the id of a workflow too, so that one which nobody goes on with is in nobody's way.
VERSION = "1"

Advance = Callable[[str, int], Awaitable[bool]]


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


class Workflows:
    """The workflows of an executor, launched as soon as this is made; there is one in a process.

    Making and closing it block for a while.

    Args:
        executor: Which process this is.
        advance: Does one step, on `loop`.
        loop: The event loop of the service.
    """

    def __init__(self, executor: Executor, advance: Advance, loop: asyncio.AbstractEventLoop) -> None:
        logging.getLogger("dbos").setLevel(logging.WARNING)
        DBOS(
            config={
                "name": "sensorium",
                "system_database_url": executor.url,
                "application_version": VERSION,
                "executor_id": executor.name,
                "log_level": "WARNING",
            }
        )
        self._executor = executor.name
        self._workflows = _Workflows(advance, loop)
        DBOS.launch()

    async def start(self, job: str, run: int) -> None:
        """Begin a run of a job; nothing happens when it was begun before."""
        with SetWorkflowID(f"{job}-{run}-{self._executor}-{VERSION}"):
            await DBOS.start_workflow_async(self._workflows.run, job, run)

    def close(self) -> None:
        """Stop what runs; it goes on at the next launch."""
        DBOS.destroy(destroy_registry=False)
