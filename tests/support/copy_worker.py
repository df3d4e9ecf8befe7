"""A process that copies a dataset version in small pieces, to be killed.

    python copy_worker.py FOLDER

It imports the files of FOLDER/data and begins a copy, or goes on with the one that it was killed in; of every piece it
appends a line to FOLDER/progress.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours
from memory_mesh import MemoryMesh

from sensorium.dataset import version_copying as copying
from sensorium.dataset.embedded import embedded_datasets
from sensorium.model.dataset import VersionSpec
from sensorium.model.dataset_job import ImportWork, JobSpec
from sensorium.settings import DatasetSettings


async def main(folder: Path) -> None:
    copy_piece, copying.PIECE = copying.copy_piece, 2

    def noted(*arguments: Any, **named: Any) -> bool:
        with (folder / "progress").open("a") as log:
            log.write("piece\n")
        return copy_piece(*arguments, **named)

    copying.copy_piece = noted
    settings = DatasetSettings(roots=(folder,))
    async with embedded_datasets(folder / "state", settings, neighbours(MemoryMesh()), TaskRunner) as ports:
        if not (folder / "progress").exists():
            await ports.datasets.create_dataset(NAME, in_folder(folder / "data"))
            job = await ports.jobs.create_job(JobSpec(V1, ImportWork()))
            async for _ in ports.jobs.watch_job(job.name):
                pass
            await ports.datasets.create_version(NAME, VersionSpec(), source=1)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
