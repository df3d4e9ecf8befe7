"""Lets this process take part in the jobs that other processes on the same catalog begin."""

import asyncio

import structlog

from sensorium.dataset.jobs import job_rows
from sensorium.dataset.jobs.runner import Runner
from sensorium.storage.store import Store

LOOK_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Joining:
    """Begins here what has not ended elsewhere.

    Args:
        store: An open catalog.
        runner: Steps jobs in this process.
    """

    def __init__(self, store: Store, runner: Runner) -> None:
        self._store = store
        self._runner = runner
        self._joined: set[tuple[str, int]] = set()

    async def follow(self) -> None:
        """Look for jobs again and again; when the catalog is away, later."""
        while True:
            try:
                await self.step()
            except Exception as error:  # Of the catalog or of DBOS; both come back.
                _log.warning("joining_waits", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def step(self) -> None:
        """Begin every run of a job that has not ended, once."""
        found = {(row.id, row.run) for row in await self._store.read(job_rows.unfinished)}
        self._joined &= found
        for job, run in sorted(found - self._joined):
            await self._runner.start(job, run)
            self._joined.add((job, run))
