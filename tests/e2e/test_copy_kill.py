"""A copy of a version that is killed in the middle goes on behind what it has, as often as that happens."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from dataset_samples import NAME, V1, TaskRunner, neighbours
from memory_mesh import MemoryMesh
from sqlalchemy import create_engine, text

from sensorium.client import datasets as client_datasets
from sensorium.client.calling import Caller
from sensorium.client.datasets import AsyncDatasets
from sensorium.dataset.embedded import STORE_FILE, embedded_datasets
from sensorium.model.dataset import VersionState
from sensorium.model.dataset_names import VersionName
from sensorium.settings import DatasetSettings

WORKER = Path(__file__).parents[1] / "support" / "copy_worker.py"
FILES = 400
V2 = VersionName(NAME, 2)


def copied(store: Path) -> list[tuple[int, str, int]]:
    """Return the number, the state and the count of files of each version in the catalog."""
    engine = create_engine(f"sqlite:///{store}")
    with engine.connect() as sql:
        rows = sql.execute(text("SELECT number, state, file_count FROM versions ORDER BY number")).all()
    engine.dispose()
    return [(number, state, count) for number, state, count in rows]


def pieces(folder: Path) -> int:
    progress = folder / "progress"
    return len(progress.read_text().splitlines()) if progress.exists() else 0


def killed_while_copying(folder: Path) -> None:
    """Let a process add three pieces to a copy at least, and kill it."""
    before = pieces(folder)
    with subprocess.Popen([sys.executable, str(WORKER), str(folder)]) as worker:
        while pieces(folder) < before + 3:
            assert worker.poll() is None
            time.sleep(0.005)
        worker.kill()


async def test_a_killed_copy_goes_on_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    for number in range(FILES):
        (tmp_path / "data" / f"{number:03}.txt").write_text(str(number))
    store, counts = tmp_path / "state" / STORE_FILE, [0]
    for _ in range(2):
        killed_while_copying(tmp_path)
        (_, _, whole), (number, state, count) = copied(store)
        assert (whole, number, state) == (FILES, 2, "copying")
        assert counts[-1] < count < FILES
        counts.append(count)
    monkeypatch.setattr(client_datasets, "COPY_SECONDS", 0.01)
    settings = DatasetSettings(roots=(tmp_path,))
    async with embedded_datasets(tmp_path / "state", settings, neighbours(MemoryMesh()), TaskRunner) as ports:
        client = AsyncDatasets(lambda: ports, Caller(60.0, 0), NAME.workspace)
        seen = [each async for each in client.watch_copy(NAME.id, 2)]
        assert seen[0].file_count >= counts[-1]
        assert (seen[-1].name, seen[-1].state, seen[-1].file_count) == (V2, VersionState.DRAFT, FILES)
        files = [(await ports.files.list_files(version, 1000, "")).items for version in (V1, V2)]
        assert [[each.uri for each in page] for page in files] == [[each.uri for each in files[0]]] * 2
        assert (await ports.datasets.get_dataset(NAME)).latest.name == V2
    assert copied(store) == [(1, "draft", FILES), (2, "draft", FILES)]
