"""A process that keeps a dataset service and its jobs, to be killed: `python dataset_worker.py FOLDER`.

The first start imports the files of FOLDER/data and begins to tag them; later starts go on with what is there. It
appends a line to FOLDER/tagged for every file that the tagger sees, and ends when every job has ended.
"""

import asyncio
import sys
from pathlib import Path

from dataset_samples import NAME, V1, in_folder, neighbours
from memory_mesh import MemoryMesh

from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset_ports import Jobs
from sensorium.errors import NotFound
from sensorium.model.dataset_job import ImportWork, JobSpec, TagWork, Work
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import TagDefinitionSpec, TagRequest, TagResponse, TagSpec
from sensorium.settings import DatasetSettings

LETTERS = TagDefinitionName("default", "letters")


async def main(folder: Path) -> None:
    memory = MemoryMesh()
    await memory.tagger.create_definition(LETTERS, TagDefinitionSpec((TagSpec("aaa"),), threshold=0.5))
    tag = memory.tagger.tag

    async def slow(request: TagRequest) -> TagResponse:
        with (folder / "tagged").open("a") as log:
            log.writelines(f"{content.parts[0].body}\n" for content in request.contents)
        await asyncio.sleep(0.05)
        return await tag(request)

    memory.tagger.tag = slow  # type: ignore[method-assign]
    settings = DatasetSettings(roots=(folder,), lease_seconds=0.5, job_batch=8)
    async with embedded_datasets(folder / "state", settings, neighbours(memory)) as ports:
        try:
            await ports.datasets.get_dataset(NAME)
        except NotFound:
            await ports.datasets.create_dataset(NAME, in_folder(folder / "data"))
        for work in (ImportWork(), TagWork(LETTERS)):
            await ended(ports.jobs, work)


async def ended(jobs: Jobs, work: Work) -> None:
    """Wait for the job of this kind, which is begun when there is none."""
    kinds = {type(each.spec.work): each for each in (await jobs.list_jobs(NAME, 0, "")).items}
    job = kinds.get(type(work)) or await jobs.create_job(JobSpec(V1, work))
    async for _ in jobs.watch_job(job.name):
        pass


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
