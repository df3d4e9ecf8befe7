"""PyTorch's DataLoader reads a version, in this process and in workers."""

import asyncio
from pathlib import Path

import pytest
from reading_workers import words
from served_version import FILES, served_version
from torch.utils.data import DataLoader

from sensorium import load_dataset


@pytest.mark.parametrize("workers", [0, 2])
async def test_a_data_loader_takes_a_loaded_dataset(tmp_path: Path, workers: int) -> None:
    async with served_version(tmp_path) as world:

        def read() -> list[list[str]]:
            with load_dataset("road", address=world.address, transform=words) as loaded:
                spawned = "spawn" if workers else None
                batches = DataLoader(loaded, batch_size=8, num_workers=workers, multiprocessing_context=spawned)
                return [list(batch) for batch in batches]

        found = await asyncio.to_thread(read)
    assert [len(batch) for batch in found] == [8, 8, 4]
    assert [text for batch in found for text in batch] == [f"text {place}" for place in range(FILES)]


async def test_a_data_loader_shuffles_a_loaded_dataset(tmp_path: Path) -> None:
    async with served_version(tmp_path) as world:

        def read() -> list[str]:
            with load_dataset("road", address=world.address, transform=words) as loaded:
                return [text for batch in DataLoader(loaded, batch_size=6, shuffle=True) for text in batch]

        found = await asyncio.to_thread(read)
    assert sorted(found) == sorted(f"text {place}" for place in range(FILES))
    assert found != sorted(found)
