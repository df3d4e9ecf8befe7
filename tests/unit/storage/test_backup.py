"""Backups: taken while writes run, refused when damaged."""

import asyncio
import itertools
import json
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from search_samples import DIMENSION, NAME, document, ids_near, make, put, unit_vectors

from sensorium.errors import AlreadyExists, DataLoss, FailedPrecondition, NotFound, SensoriumError
from sensorium.model.document import DocumentView
from sensorium.model.job import JobRequest, RestoreWork, SnapshotWork
from sensorium.model.names import SnapshotName
from sensorium.search.embedded import embedded_search
from sensorium.search.service import SearchService
from sensorium.settings import SearchSettings
from sensorium.storage.backup import MANIFEST, back_up, bring_back

VECTORS = unit_vectors(200)


def nobody(_name: str, _size: int) -> None:
    """Take no notice."""


@pytest.fixture
async def backup(tmp_path: Path) -> Path:
    """Return a backup of 100 documents and one snapshot."""
    async with embedded_search(tmp_path / "data", SearchSettings()) as service:
        await make(service)
        await put(service, *(document(f"d{row}", VECTORS[row]) for row in range(100)))
        job = await service.create_job(JobRequest(NAME, SnapshotWork("monday")))
        async for _ in service.watch_job(job.name):
            pass
        await asyncio.to_thread(back_up, tmp_path / "data", tmp_path / "backup", nobody)
    return tmp_path / "backup"


async def write_on(service: SearchService, enough: asyncio.Event) -> int:
    row = 100
    while not enough.is_set():
        await put(service, document(f"d{row}", VECTORS[row % 200]))
        row += 1
    return row


async def test_backup_during_writes_holds_all_that_was_acknowledged_before_it(tmp_path: Path) -> None:
    async with embedded_search(tmp_path / "data", SearchSettings()) as service:
        await make(service)
        await put(service, *(document(f"d{row}", VECTORS[row]) for row in range(100)))
        enough = asyncio.Event()
        writing = asyncio.ensure_future(write_on(service, enough))
        size = await asyncio.to_thread(back_up, tmp_path / "data", tmp_path / "backup", nobody)
        enough.set()
        last = await writing
    assert size > 100 * DIMENSION * 4
    assert bring_back(tmp_path / "backup", tmp_path / "new", nobody) == size
    async with embedded_search(tmp_path / "new", SearchSettings()) as service:
        count = await service.count_documents(NAME)
        assert 100 <= count <= last
        assert len(await ids_near(service, VECTORS[0], top_k=10_000)) == count
        assert await ids_near(service, VECTORS[5], top_k=1) == ["d5"]


def test_backup_ends_while_every_page_that_it_copies_is_followed_by_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensorium.storage.backup._PAGES", 1)
    data = tmp_path / "with % and ?"
    data.mkdir()
    with closing(sqlite3.connect(data / "search.sqlite3", isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE rows (content BLOB)")
        writer.executemany("INSERT INTO rows VALUES (?)", [(bytes(5000),)] * 10)
        connect = sqlite3.connect

        class Watched(sqlite3.Connection):
            def backup(self, target: sqlite3.Connection, *, pages: int = -1) -> None:  # type: ignore[override]
                def write(_status: int, _left: int, _pages: int) -> None:
                    assert next(steps) < 1000
                    writer.execute("INSERT INTO rows VALUES ('later')")

                steps = itertools.count()
                super().backup(target, pages=pages, progress=write)

        monkeypatch.setattr(sqlite3, "connect", partial(connect, factory=Watched))
        back_up(data, tmp_path / "backup", nobody)
        monkeypatch.undo()
        assert writer.execute("SELECT count(*) FROM rows").fetchone() > (20,)
    with closing(sqlite3.connect(tmp_path / "backup" / "search.sqlite3")) as copy:
        assert copy.execute("SELECT count(*) FROM rows").fetchone() == (10,)


async def test_snapshots_come_back_too(tmp_path: Path, backup: Path) -> None:
    bring_back(backup, tmp_path / "new", nobody)
    async with embedded_search(tmp_path / "new", SearchSettings()) as service:
        job = await service.create_job(JobRequest(NAME, RestoreWork(SnapshotName(NAME, "monday"), "copy")))
        states = [each.state async for each in service.watch_job(job.name)]
        assert states[-1].value == "succeeded"
        assert len((await service.list_documents(NAME, 1000, "", DocumentView())).items) == 100


def flip(backup: Path) -> None:
    file = backup / "search.sqlite3"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def escape(backup: Path) -> None:
    (backup / MANIFEST).write_text(json.dumps({"format": 1, "files": {"../../elsewhere": "0"}}))


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (flip, DataLoss),
        (lambda backup: (backup / "search.sqlite3").unlink(), DataLoss),
        (lambda backup: (backup / MANIFEST).unlink(), FailedPrecondition),
        (lambda backup: (backup / MANIFEST).write_text("{"), FailedPrecondition),
        (lambda backup: (backup / MANIFEST).write_text('{"format": 9, "files": {}}'), FailedPrecondition),
        (escape, FailedPrecondition),
    ],
)
async def test_damaged_backup_is_refused_and_nothing_is_made(
    tmp_path: Path, backup: Path, damage: object, error: type[SensoriumError]
) -> None:
    damage(backup)  # type: ignore[operator]
    with pytest.raises(error):
        bring_back(backup, tmp_path / "new", nobody)
    assert not (tmp_path / "new").exists()


async def test_nothing_is_overwritten(tmp_path: Path, backup: Path) -> None:
    with pytest.raises(AlreadyExists):
        back_up(tmp_path / "data", backup, nobody)
    with pytest.raises(AlreadyExists):
        bring_back(backup, tmp_path / "data", nobody)
    with pytest.raises(NotFound):
        back_up(tmp_path / "empty", tmp_path / "other", nobody)
