"""Training code reads a version as a sequence, in its own process and in workers that are spawned as by PyTorch."""

import asyncio
import multiprocessing
import pickle
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from dataset_samples import V1
from reading_workers import begin, fetch, words
from served_version import FILES, ServedVersion, served_version

from sensorium import LoadedDataset, load_dataset
from sensorium.errors import NotFound
from sensorium.model.dataset_file import FileSelection, TagEdit


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ServedVersion]:
    async with served_version(tmp_path) as world:
        yield world


async def test_a_version_is_a_sequence_of_its_files(world: ServedVersion) -> None:
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


async def test_spawned_workers_read_batches_of_it(world: ServedVersion) -> None:
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


async def test_a_file_that_is_gone_says_so(world: ServedVersion) -> None:
    loaded: LoadedDataset[str] = await asyncio.to_thread(
        lambda: load_dataset("road", address=world.address, transform=words)
    )
    (world.folder / "00.txt").unlink()
    with pytest.raises(NotFound):
        await asyncio.to_thread(lambda: loaded[0])
    await asyncio.to_thread(loaded.close)
