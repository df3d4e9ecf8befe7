"""Datasets and connections for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from memory_mesh import MemoryMesh
from served_mesh import served

from sensorium.dataset.client import REPEATABLE, dataset_clients
from sensorium.dataset.jobs.runner import Advance, Executor
from sensorium.dataset.neighbours import Neighbours
from sensorium.dataset_ports import DatasetPorts
from sensorium.gateway.limits import Limits
from sensorium.gateway.searcher import EmbeddingSearcher
from sensorium.model.connection import ConnectionKind, ConnectionSpec
from sensorium.model.dataset import DatasetSpec
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName
from sensorium.ports import Embedder, Searcher, SimilarityTagger, Tagger
from sensorium.rpc.channel import open_channel
from sensorium.settings import SearchSettings, TagSettings
from sensorium.storage.workers import Workers
from sensorium.tag.similarity import SimilarityTagging

NAME = DatasetName("default", "road")
V1 = VersionName(NAME, 1)
LOCAL = ConnectionName("default", "disk")
SECRET = "hunter2-is-no-password"


def local_connection(root: Path) -> ConnectionSpec:
    return ConnectionSpec(ConnectionKind.LOCAL, configs={"root": str(root)})


def in_folder(folder: Path) -> DatasetSpec:
    return DatasetSpec(uri=f"file://{folder}")


def neighbours(memory: MemoryMesh) -> Neighbours:
    return around(memory, memory.store, memory.tagger)


def around(memory: MemoryMesh, store: Searcher, tagger: Tagger) -> Neighbours:
    """Return what datasets call: the mesh in memory, over a searcher of one's own."""
    scorers = Workers("tag-connected", 1)

    def searcher_by(embedder: Embedder) -> Searcher:
        return EmbeddingSearcher(embedder, store, Limits.of(SearchSettings()))

    def tagger_by(embedder: Embedder) -> SimilarityTagger:
        return SimilarityTagging(embedder, scorers, TagSettings())

    return Neighbours(memory.embedder, searcher_by(memory.embedder), tagger, searcher_by, tagger_by)


@asynccontextmanager
async def reached(
    service: DatasetPorts, memory: MemoryMesh, *, remote: bool, searcher: Searcher | None = None
) -> AsyncIterator[DatasetPorts]:
    """Yield the ports of a service: its own, or those of a client of the mesh that serves it."""
    if not remote:
        yield service
        return
    async with (
        served(memory.embedder, searcher or memory.searcher, datasets=service) as address,
        open_channel(address, repeatable=REPEATABLE) as channel,
    ):
        yield dataset_clients(channel)


class TaskRunner:
    """Steps jobs in tasks of this process, and forgets them with it."""

    def __init__(self, _executor: Executor, advance: Advance) -> None:
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
