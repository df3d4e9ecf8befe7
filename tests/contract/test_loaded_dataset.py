"""Training code reads a version as a sequence, in its own process and in workers that are spawned as by PyTorch."""

import asyncio
import multiprocessing
import pickle
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours
from memory_mesh import MemoryMesh
from reading_workers import begin, fetch, words
from served_mesh import served

from sensorium import LoadedDataset, load_dataset
from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import NotFound
from sensorium.model.dataset_file import FileSelection, TagEdit
from sensorium.model.dataset_job import ImportWork, JobSpec
from sensorium.settings import DatasetSettings

FILES = 20


class World:
    def __init__(self, ports: DatasetPorts, address: str, folder: Path) -> None:
        self.ports = ports
        self.address = address
        self.folder = folder

    async def imported(self) -> None:
        job = await self.ports.jobs.create_job(JobSpec(V1, ImportWork()))
        async for _ in self.ports.jobs.watch_job(job.name):
            pass


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    memory, folder = MemoryMesh(), tmp_path / "data"
    folder.mkdir()
    settings = DatasetSettings(roots=(tmp_path,), retry_seconds=())
    async with (
        embedded_datasets(tmp_path / "state", settings, neighbours(memory), TaskRunner) as service,
        served(memory.embedder, memory.searcher, datasets=service) as address,
    ):
        await service.datasets.create_dataset(NAME, in_folder(folder))
        for place in range(FILES):
            (folder / f"{place:02}.txt").write_text(f"text {place}")
        world = World(service, address, folder)
        await world.imported()
        yield world


async def test_a_version_is_a_sequence_of_its_files(world: World) -> None:
    selection = FileSelection(filter='FileName = "03.txt"')
    await world.ports.files.edit_tags(TagEdit(V1, selection, add=("mine",)))

    def read() -> None:
        loaded = load_dataset("road", address=world.address, transform=words)
        assert (len(loaded), loaded.version, loaded[3], loaded[-1]) == (FILES, 1, "text 3 mine", f"text {FILES - 1}")
        assert list(loaded)[:2] == ["text 0", "text 1"]
        assert loaded.__getitems__([5, 5, 0]) == ["text 5", "text 5", "text 0"]
        with pytest.raises(IndexError):
            loaded[FILES]
        loaded.close()
        chosen = load_dataset("road", 1, filter='Tags HAS "mine"', with_bytes=False, address=world.address)
        (only,) = chosen
        assert (only.record.file_name, only.data) == ("03.txt", b"")
        chosen.close()
        with pytest.raises(NotFound):
            load_dataset("elsewhere", address=world.address)

    await asyncio.to_thread(read)


async def test_spawned_workers_read_batches_of_it(world: World) -> None:
    loaded: LoadedDataset[str] = await asyncio.to_thread(
        lambda: load_dataset("road", address=world.address, transform=words)
    )
    batches = [range(start, start + 5) for start in range(0, FILES, 5)]
    spawn = multiprocessing.get_context("spawn")

    def work() -> list[list[str]]:
        with ProcessPoolExecutor(2, spawn, initializer=begin, initargs=(pickle.dumps(loaded),)) as workers:
            return list(workers.map(fetch, batches))

    found = await asyncio.to_thread(work)
    assert found == [[f"text {place}" for place in batch] for batch in batches]


async def test_a_file_that_is_gone_says_so(world: World) -> None:
    loaded: LoadedDataset[str] = await asyncio.to_thread(
        lambda: load_dataset("road", address=world.address, transform=words)
    )
    (world.folder / "00.txt").unlink()
    with pytest.raises(NotFound):
        await asyncio.to_thread(lambda: loaded[0])
    await asyncio.to_thread(loaded.close)
