"""A version of some texts behind a mesh that is served, for tests of training code that reads it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours
from memory_mesh import MemoryMesh
from served_mesh import served

from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset_ports import DatasetPorts
from sensorium.model.dataset_job import ImportWork, JobSpec
from sensorium.settings import DatasetSettings

FILES = 20


@dataclass
class ServedVersion:
    """The first version of the dataset `road`: `00.txt` to `19.txt`, each of which says `text` and its number."""

    ports: DatasetPorts
    address: str
    folder: Path


@asynccontextmanager
async def served_version(folder: Path) -> AsyncIterator[ServedVersion]:
    """Serve the version, with its files and all else below a folder."""
    memory, data = MemoryMesh(), folder / "data"
    data.mkdir()
    settings = DatasetSettings(roots=(folder,), retry_seconds=())
    async with (
        embedded_datasets(folder / "state", settings, neighbours(memory), TaskRunner) as service,
        served(memory.embedder, memory.searcher, datasets=service) as address,
    ):
        await service.datasets.create_dataset(NAME, in_folder(data))
        for place in range(FILES):
            (data / f"{place:02}.txt").write_text(f"text {place}")
        job = await service.jobs.create_job(JobSpec(V1, ImportWork()))
        async for _ in service.jobs.watch_job(job.name):
            pass
        yield ServedVersion(service, address, data)
