"""A process that keeps a dataset service with its jobs, to be killed.

    python dataset_worker.py FOLDER BATCH SECONDS SEARCH

SEARCH is the address of a search role, which may be killed too: a job that rests meanwhile is resumed.

The first start begins to import, tag, index and export the files of FOLDER/data; later starts go on with what is there.
It appends a line to FOLDER/progress when it begins, and for every file that a tagger or an embedder sees and every part
of an export, and ends when every job has ended.
"""

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dataset_samples import NAME, V1, around, in_folder
from memory_mesh import MemoryMesh

from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset.jobs import exporting
from sensorium.dataset.storages.local_sink import LocalSink
from sensorium.dataset_ports import Jobs
from sensorium.errors import DeadlineExceeded, NotFound, Unavailable
from sensorium.model.dataset_export import ExportFormat, ExportWork, StorageTarget
from sensorium.model.dataset_job import ImportWork, IndexWork, Job, JobSpec, JobState, TagWork, Work
from sensorium.model.embedding import EmbedRequest, EmbedResponse
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import TagDefinitionSpec, TagRequest, TagResponse, TagSpec
from sensorium.rpc.channel import open_channel
from sensorium.search.client import REPEATABLE, SearchClient
from sensorium.settings import DatasetSettings

LETTERS = TagDefinitionName("default", "letters")
BATCH = 8


class Watched:
    """Lets models and exports note what they see, and take a moment for it.

    Args:
        folder: Where `progress` is.
        seconds: How long each call takes at least.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._file = folder / "progress"
        self._seconds = seconds

    async def note(self, lines: Iterable[object]) -> None:
        with self._file.open("a") as log:
            log.writelines(f"{line}\n" for line in lines)
        await asyncio.sleep(self._seconds)

    def watch(self, memory: MemoryMesh) -> None:
        """Note every call of the models, and every file of an export."""
        tag, embed, put = memory.tagger.tag, memory.embedder.embed, LocalSink.put

        async def tagged(request: TagRequest) -> TagResponse:
            await self.note(f"tag {content.parts[0].body}" for content in request.contents)
            return await tag(request)

        async def embedded(request: EmbedRequest) -> EmbedResponse:
            await self.note(f"embed {content.parts[0].body}" for content in request.contents)
            return await embed(request)

        async def written(sink: LocalSink, path: str, chunks: Any) -> Any:
            await self.note([f"write {path}"])
            return await put(sink, path, chunks)

        memory.tagger.tag = tagged  # type: ignore[method-assign]
        memory.embedder.embed = embedded  # type: ignore[method-assign]
        LocalSink.put = written  # type: ignore[method-assign]


async def main(folder: Path, batch: int, seconds: float, search: str) -> None:
    memory = MemoryMesh()
    await memory.tagger.create_definition(LETTERS, TagDefinitionSpec((TagSpec("aaa"),), threshold=0.5))
    watched = Watched(folder, seconds)
    watched.watch(memory)
    exporting.PART_RECORDS = batch
    exporting.reading.RecordsAlone.batch = batch
    settings = DatasetSettings(roots=(folder,), export_roots=(folder,), lease_seconds=0.5, job_batch=batch)
    async with open_channel(search, repeatable=REPEATABLE) as channel:
        neighbours = around(memory, SearchClient(channel), memory.tagger)
        async with embedded_datasets(folder / "state", settings, neighbours) as ports:
            try:
                await ports.datasets.get_dataset(NAME)
            except NotFound:
                await ports.datasets.create_dataset(NAME, in_folder(folder / "data"))
            await watched.note(["begin"])
            export = ExportWork(StorageTarget(str(folder / "out"), ExportFormat.JSONL))
            for work in (ImportWork(), TagWork(LETTERS), IndexWork(), export):
                await ended(ports.jobs, work)


async def ended(jobs: Jobs, work: Work) -> None:
    """Wait for the job of this kind, which is begun when there is none, and resumed when it rests."""
    kinds = {type(each.spec.work): each for each in (await jobs.list_jobs(NAME, 0, "")).items}
    job = kinds.get(type(work)) or await created(jobs, work)
    while not job.state.has_ended:
        if job.state is JobState.PAUSED:
            await jobs.resume_job(job.name)
        async for each in jobs.watch_job(job.name):
            job = each


async def created(jobs: Jobs, work: Work) -> Job:
    """Create a job, as soon as the search role is there."""
    while True:
        try:
            return await jobs.create_job(JobSpec(V1, work))
        except (Unavailable, DeadlineExceeded):
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
