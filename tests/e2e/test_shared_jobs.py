"""Two dataset roles on one PostgreSQL share a job; one is killed, and nothing is lost or done twice."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from dataset_samples import NAME, V1, in_folder
from memory_mesh import MemoryMesh
from mesh_process import MeshProcess
from postgres_server import PostgresServer
from served_mesh import served
from sqlalchemy import create_engine, select

from sensorium.dataset.client import REPEATABLE, dataset_clients
from sensorium.dataset.tables import job_files, taggings
from sensorium.dataset_ports import DatasetPorts
from sensorium.model.dataset_job import ImportWork, IndexWork, Job, JobSpec, JobState, TagWork
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import TagDefinitionSpec, TagRequest, TagResponse, TagSpec
from sensorium.rpc.channel import open_channel

LETTERS = TagDefinitionName("default", "letters")
FILES = 40


class Gate:
    """Lets a tagger note what it is asked, and holds its answers back until it is opened."""

    def __init__(self, memory: MemoryMesh) -> None:
        self._tag = memory.tagger.tag
        self.asked: Counter[str] = Counter()
        self.opened = asyncio.Event()
        memory.tagger.tag = self.tag  # type: ignore[method-assign]

    async def tag(self, request: TagRequest) -> TagResponse:
        self.asked.update(str(content.parts[0].body) for content in request.contents)
        await self.opened.wait()
        return await self._tag(request)


def start(folder: Path, url: str, mesh: str, worker: str) -> MeshProcess:
    (folder / worker).mkdir(exist_ok=True)
    targets = {f"SENSORIUM_{role}__TARGET": mesh for role in ("EMBED", "SEARCH", "TAG")}
    return MeshProcess.start(
        folder / worker,
        "--role",
        "dataset",
        SENSORIUM_DATASET__DATABASE_URL=url,
        SENSORIUM_DATASET__WORKER=worker,
        SENSORIUM_DATASET__KEY_FILE=str(folder / "key"),
        SENSORIUM_DATASET__ROOTS=f'["{folder}"]',
        SENSORIUM_DATASET__JOB_BATCH="4",
        SENSORIUM_DATASET__JOB_CONCURRENCY="1",
        SENSORIUM_DATASET__LEASE_SECONDS="2",
        **targets,
    )


@asynccontextmanager
async def calling(process: MeshProcess) -> AsyncIterator[DatasetPorts]:
    async with open_channel(process.grpc_address, repeatable=REPEATABLE) as channel:
        yield dataset_clients(channel)


async def ended(ports: DatasetPorts, job: Job) -> Job:
    return [each async for each in ports.jobs.watch_job(job.name)][-1]


async def until_both_work(url: str, workers: Sequence[str]) -> None:
    """Wait until each worker has leased files."""
    engine = create_engine(url)
    leased: set[str] = set()
    try:
        while leased != {*workers}:
            await asyncio.sleep(0.05)
            with engine.connect() as sql:
                leases = sql.execute(select(job_files.c.lease).where(job_files.c.lease != "")).scalars()
                leased = {lease.partition("/")[0] for lease in leases}
    finally:
        engine.dispose()


@pytest.mark.timeout(300)
async def test_a_killed_roles_files_are_done_by_the_other_once(postgres: PostgresServer, tmp_path: Path) -> None:
    url, memory, data = postgres.database(), MemoryMesh(), tmp_path / "data"
    data.mkdir()
    for place in range(FILES):
        (data / f"{place}.txt").write_text(f"a{'b' * (place % 7)} {place}")
    await memory.tagger.create_definition(LETTERS, TagDefinitionSpec((TagSpec("aaa"),), threshold=0.5))
    gate = Gate(memory)
    async with served(memory.embedder, memory.searcher, memory.tagger) as mesh:
        one, two = (start(tmp_path, url, mesh, worker) for worker in ("one", "two"))
        try:
            for each in (one, two):
                await asyncio.to_thread(each.wait_serving)
            async with calling(one) as ports:
                await ports.datasets.create_dataset(NAME, in_folder(data))
                job = await ports.jobs.create_job(JobSpec(V1, ImportWork()))
                assert (await ended(ports, job)).state is JobState.SUCCEEDED
                tagging = await ports.jobs.create_job(JobSpec(V1, TagWork(LETTERS)))
                await until_both_work(url, ("one", "two"))
            one.stop(signal.SIGKILL)
            gate.opened.set()
            async with calling(two) as ports:
                done = await ended(ports, tagging)
                assert (done.state, done.succeeded_count, done.failed_count) == (JobState.SUCCEEDED, FILES, 0)
                again = start(tmp_path, url, mesh, "one")
                try:
                    await asyncio.to_thread(again.wait_serving)
                    async with calling(again) as other:
                        indexing = await other.jobs.create_job(JobSpec(V1, IndexWork()))
                    assert (await ended(ports, indexing)).state is JobState.SUCCEEDED
                finally:
                    again.stop(signal.SIGKILL)
        finally:
            for each in (one, two):
                each.stop(signal.SIGKILL)
    engine = create_engine(url)
    with engine.connect() as sql:
        tagged = sql.execute(select(taggings.c.file)).scalars().all()
        attempts = Counter(
            sql.execute(
                select(job_files.c.attempts).join_from(job_files, taggings, job_files.c.file == taggings.c.file)
            ).scalars()
        )
    engine.dispose()
    assert len(tagged) == len({*tagged}) == FILES
    # What the dead one had leased was begun a second time, and nothing else was.
    assert sorted(gate.asked.values()) == [1] * (FILES - 4) + [2] * 4
    assert attempts[2] == 4
    [documents] = memory.store.documents.values()
    assert len(documents) == FILES
