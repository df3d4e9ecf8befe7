"""Datasets and connections for tests."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from memory_mesh import MemoryMesh

from sensorium.dataset.embedded import Neighbours
from sensorium.dataset.jobs.runner import Advance
from sensorium.model.connection import ConnectionKind, ConnectionSpec
from sensorium.model.dataset import DatasetSpec
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName

NAME = DatasetName("default", "road")
V1 = VersionName(NAME, 1)
LOCAL = ConnectionName("default", "disk")
SECRET = "hunter2-is-no-password"


def local_connection(root: Path) -> ConnectionSpec:
    return ConnectionSpec(ConnectionKind.LOCAL, configs={"root": str(root)})


def in_folder(folder: Path) -> DatasetSpec:
    return DatasetSpec(uri=f"file://{folder}")


def neighbours(memory: MemoryMesh) -> Neighbours:
    return Neighbours(memory.embedder, memory.searcher, memory.tagger)


class TaskRunner:
    """Steps jobs in tasks of this process, and forgets them with it."""

    def __init__(self, _data_dir: Path, advance: Advance) -> None:
        self._advance = advance
        self._tasks: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def start(self, job: str, run: int) -> None:
        if (job, run) not in self._tasks:
            self._tasks[job, run] = asyncio.create_task(self._run(job, run))

    async def _run(self, job: str, run: int) -> None:
        while await self._advance(job, run):
            pass
