"""A copy of a version that is killed in the middle leaves nothing behind."""

import subprocess
import sys
import time
from pathlib import Path

from dataset_samples import NAME, V1, TaskRunner, neighbours
from memory_mesh import MemoryMesh
from sqlalchemy import create_engine, text

from sensorium.dataset.embedded import STORE_FILE, embedded_datasets
from sensorium.model.dataset import VersionSpec
from sensorium.model.dataset_names import VersionName
from sensorium.settings import DatasetSettings

WORKER = Path(__file__).parents[1] / "support" / "copy_worker.py"
FILES = 400


def numbers(store: Path) -> list[int]:
    """Return the numbers of all versions in the catalog, staged ones too."""
    engine = create_engine(f"sqlite:///{store}")
    with engine.connect() as sql:
        found = list(sql.execute(text("SELECT number FROM versions ORDER BY number")).scalars())
    engine.dispose()
    return found


def pieces(folder: Path) -> int:
    progress = folder / "progress"
    return len(progress.read_text().splitlines()) if progress.exists() else 0


def killed_while_copying(folder: Path) -> None:
    with subprocess.Popen([sys.executable, str(WORKER), str(folder)]) as worker:
        while pieces(folder) < 3:
            assert worker.poll() is None
            time.sleep(0.005)
        worker.kill()


async def test_a_killed_copy_is_never_seen_and_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(FILES):
        (tmp_path / "data" / f"{number:03}.txt").write_text(str(number))
    killed_while_copying(tmp_path)
    store = tmp_path / "state" / STORE_FILE
    assert numbers(store) == [-1, 1]
    settings = DatasetSettings(roots=(tmp_path,))
    async with embedded_datasets(tmp_path / "state", settings, neighbours(MemoryMesh()), TaskRunner) as ports:
        assert [each.name for each in (await ports.datasets.list_versions(NAME, 0, "")).items] == [V1]
        made = await ports.datasets.create_version(NAME, VersionSpec(), source=1)
        assert (made.name, made.file_count) == (VersionName(NAME, 2), FILES)
        while -1 in numbers(store):
            assert (await ports.datasets.get_version(V1)).file_count == FILES
    assert numbers(store) == [1, 2]
