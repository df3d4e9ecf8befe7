"""Bitmaps that were kept in files are taken after a start, and only when they are what the catalog says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from catalog_files import NAME, Process, check, file, given_tags
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select, update

from sensorium.dataset import files as catalog
from sensorium.dataset import tags, versions
from sensorium.dataset.bitmaps import keeper as keeper_module
from sensorium.dataset.bitmaps import library as library_module
from sensorium.dataset.bitmaps import loading
from sensorium.dataset.bitmaps.keeper import BitmapKeeper
from sensorium.dataset.bitmaps.library import BitmapLibrary
from sensorium.dataset.bitmaps.shelf import BitmapShelf
from sensorium.dataset.datasets import create
from sensorium.dataset.embedded import MIGRATIONS
from sensorium.dataset.file_fields import FIELDS
from sensorium.dataset.selecting import Chosen
from sensorium.dataset.tables import bitmap_files, files, metadata
from sensorium.errors import ResourceExhausted
from sensorium.filters.parser import parse
from sensorium.model.dataset import DatasetSpec
from sensorium.model.dataset_file import FileSelection
from sensorium.storage.sqlite_file import SqliteFile
from sensorium.storage.store import Store

DAY = Chosen(FileSelection(filter="…"), parse("tags HAS 'day' AND size_bytes < 3", FIELDS))


@pytest.fixture
def sql() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        create(connection, NAME.dataset, DatasetSpec())
        add(connection, 30)
        yield connection
    engine.dispose()


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path / "bitmaps")


@pytest.fixture
def fills(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the versions whose bitmaps were made anew."""
    made: list[int] = []
    fill = loading.fill

    def counted(sql: Connection, version: int, bitmaps: Any) -> None:
        made.append(version)
        fill(sql, version, bitmaps)

    monkeypatch.setattr(loading, "fill", counted)
    return made


def add(sql: Connection, count: int, first: int = 0) -> None:
    rows = [file(number, size=number % 5, moment=1 + number) for number in range(first, first + count)]
    catalog.register(sql, versions.row_of(sql, NAME).key, rows)


def tag(sql: Connection, remainder: int, *given_ones: str) -> None:
    version = versions.row_of(sql, NAME).key
    some = select(files.c.key).where(files.c.version == version, files.c.key % 5 == remainder)
    tags.rewrite(sql, version, sql.execute(some).scalars().all(), given_tags(*given_ones))


def kept_files(process: Process) -> list[Path]:
    return sorted(process.shelf._folder.iterdir())


def test_a_start_takes_what_was_kept_and_what_changed_since(
    sql: Connection, process: Process, fills: list[int]
) -> None:
    check(sql, process.finder, DAY)
    process.keep(sql)
    tag(sql, 1, "day")
    add(sql, 10, first=30)
    catalog.mark_deleted(sql, versions.row_of(sql, NAME).key, [2, 3])
    process.restart()
    check(sql, process.finder, DAY)
    assert len(fills) == 1


def test_a_version_that_grew_manifold_is_read_anew(sql: Connection, process: Process, fills: list[int]) -> None:
    check(sql, process.finder, DAY)
    process.keep(sql)
    add(sql, 40, first=30)
    process.restart()
    check(sql, process.finder, DAY)
    assert len(fills) == 2


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(at=st.floats(0, 1), damage=st.none() | st.integers(0, 255))
def test_a_torn_or_damaged_file_is_made_anew(
    sql: Connection, process: Process, fills: list[int], at: float, damage: int | None
) -> None:
    """`damage` is the bits that one byte differs in; None cuts the file off there."""
    process.restart()
    check(sql, process.finder, DAY)
    process.keep(sql)
    [kept] = kept_files(process)
    content = bytearray(kept.read_bytes())
    place = min(len(content) - 1, int(at * len(content)))
    content[place] ^= damage or 0
    kept.write_bytes(content[:place] if damage is None else content)
    before = len(fills)
    process.restart()
    check(sql, process.finder, DAY)
    assert len(fills) == before + (damage != 0)
    kept.unlink()


def test_a_start_after_a_kill_within_writing_takes_the_file_before(
    sql: Connection, process: Process, fills: list[int]
) -> None:
    check(sql, process.finder, DAY)
    process.keep(sql)
    [before] = kept_files(process)
    tag(sql, 2, "day")
    check(sql, process.finder, DAY)
    process.write(sql)
    (process.shelf._folder / ".1-one").write_bytes(b"half")
    process.restart()
    process.shelf.sweep(sql)
    assert kept_files(process) == [before]
    check(sql, process.finder, DAY)
    assert len(fills) == 1


def test_the_file_of_another_history_of_the_catalog_is_not_read(
    sql: Connection, process: Process, fills: list[int]
) -> None:
    sql.exec_driver_sql("SAVEPOINT backup")
    tag(sql, 1, "day")
    check(sql, process.finder, DAY)
    process.keep(sql)
    sql.exec_driver_sql("ROLLBACK TO backup")
    # As many changes as before, but others.
    tag(sql, 2, "day")
    process.restart()
    check(sql, process.finder, DAY)
    assert len(fills) == 2


def test_a_file_that_another_release_wrote_is_not_read(sql: Connection, process: Process, fills: list[int]) -> None:
    check(sql, process.finder, DAY)
    process.keep(sql)
    sql.execute(update(bitmap_files).values(format="0 file_dir"))
    process.restart()
    check(sql, process.finder, DAY)
    assert len(fills) == 2


def test_what_is_no_archive_is_not_read_though_the_catalog_names_it(
    sql: Connection, process: Process, fills: list[int]
) -> None:
    check(sql, process.finder, DAY)
    digest = process.shelf.write(1, {})
    process.shelf.sign(sql, 1, digest, 1)
    process.restart()
    check(sql, process.finder, DAY)
    assert len(fills) == 2


def test_each_process_of_a_catalog_has_its_own_files(
    sql: Connection, process: Process, fills: list[int], tmp_path: Path
) -> None:
    other = Process(tmp_path / "others", "two")
    check(sql, process.finder, DAY)
    process.keep(sql)
    tag(sql, 1, "day")
    check(sql, other.finder, DAY)
    other.keep(sql)
    tag(sql, 2, "day")
    for each in (process, other):
        each.restart()
        check(sql, each.finder, DAY)
    assert len(fills) == 2


def test_the_files_of_a_deleted_version_go(sql: Connection, process: Process) -> None:
    check(sql, process.finder, DAY)
    process.keep(sql)
    written = process.write(sql)
    process.library.forget(1)
    assert kept_files(process) == []
    sql.execute(files.delete())
    sql.execute(bitmap_files.delete())
    sql.exec_driver_sql("DELETE FROM versions")
    assert written is not None
    process.shelf.sign(sql, *written)
    assert sql.execute(select(bitmap_files)).all() == []
    assert process.library.copied(1) is None


def test_a_disk_that_is_nearly_full_takes_no_file(tmp_path: Path) -> None:
    shelf = BitmapShelf(tmp_path / "bitmaps", "one", min_free_bytes=1 << 62)
    with pytest.raises(ResourceExhausted):
        shelf.write(1, {})
    assert list((tmp_path / "bitmaps").iterdir()) == []


# --- While the process lives ----------------------------------------------------------------------------------------


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    database = SqliteFile(tmp_path / "dataset.sqlite3")
    async with Store("dataset", database, MIGRATIONS, threads=2, queue_reads=100, queue_rows=1000) as store:
        await store.write(lambda sql: (create(sql, NAME.dataset, DatasetSpec()), add(sql, 30)))
        yield store


@pytest.fixture
def little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "LEAST_KEPT", 20)
    monkeypatch.setattr(library_module, "KEPT_SECONDS", 0)


async def test_a_process_that_stops_keeps_what_it_made(
    store: Store, process: Process, fills: list[int], little_is_kept: None
) -> None:
    async with BitmapKeeper(store, process.library, process.shelf):
        await store.read(lambda sql: check(sql, process.finder, DAY))
    process.restart()
    await store.read(lambda sql: check(sql, process.finder, DAY))
    assert len(fills) == 1


async def test_bitmaps_are_kept_again_when_much_has_changed(
    store: Store, process: Process, fills: list[int], little_is_kept: None
) -> None:
    keeper = BitmapKeeper(store, process.library, process.shelf)
    await store.read(lambda sql: check(sql, process.finder, DAY))
    await keeper.keep()
    [first] = kept_files(process)
    await keeper.keep()
    assert kept_files(process) == [first]
    await store.write(lambda sql: tag(sql, 1, "day"))
    await store.read(lambda sql: check(sql, process.finder, DAY))
    await keeper.keep()
    [second] = kept_files(process)
    assert second != first


async def test_small_versions_are_not_kept(store: Store, process: Process) -> None:
    await store.read(lambda sql: check(sql, process.finder, DAY))
    await BitmapKeeper(store, process.library, process.shelf).keep()
    assert not process.shelf._folder.exists()


async def test_a_file_that_cannot_be_written_stops_nothing(
    store: Store, process: Process, little_is_kept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "EVERY_SECONDS", 0.001)
    process.shelf._folder.write_text("in the way")
    async with BitmapKeeper(store, process.library, process.shelf):
        await store.read(lambda sql: check(sql, process.finder, DAY))
    await store.read(lambda sql: check(sql, process.finder, DAY))


def test_a_library_without_room_keeps_nothing(sql: Connection, tmp_path: Path) -> None:
    library = BitmapLibrary(0, BitmapShelf(tmp_path / "bitmaps", "one"))
    with library.lent(sql, versions.row_of(sql, NAME)) as bitmaps:
        assert bitmaps is None
    assert library.worth_keeping() == []
