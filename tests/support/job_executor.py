"""A process that steps jobs by DBOS, to be killed.

    python job_executor.py URL NAME VERSION STEPS JOB

It begins a run of JOB twice, as the executor NAME of the code VERSION, and prints `step JOB` before each step of any
job. A job has STEPS of them; with none its first lasts for ever.
"""

import asyncio
import sys

from sensorium.dataset.jobs import workflows
from sensorium.dataset.jobs.runner import DurableRunner, Executor


class Steps:
    """Does steps, each job the same number of them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._done: dict[str, int] = {}

    async def advance(self, job: str, _run: int) -> bool:
        print("step", job, flush=True)
        if not self._count:
            await asyncio.Event().wait()
        self._done[job] = self._done.get(job, 0) + 1
        return self._done[job] < self._count


async def main(url: str, name: str, version: str, count: str, job: str) -> None:
    workflows.VERSION = version
    async with DurableRunner(Executor(url, name), Steps(int(count)).advance) as runner:
        await runner.start(job, 1)
        await runner.start(job, 1)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
