"""What survives: acknowledged writes, lost and damaged indexes, and files of another release."""

import asyncio
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from search_samples import NAME, document, ids_near, make, near, put, unit_vectors

from sensorium.errors import DataLoss, FailedPrecondition, Reason
from sensorium.search import library, stamp
from sensorium.search.embedded import MIGRATIONS, embedded_search
from sensorium.search.index import IndexUnusable
from sensorium.search.tables import metadata
from sensorium.search.zvec_index import ZvecIndex
from sensorium.settings import SearchSettings
from sensorium.storage.engine import open_engine
from sensorium.storage.format import bring_up_to_date

SETTINGS = SearchSettings()
VECTORS = unit_vectors(200)
WRITER = Path(__file__).with_name("endless_writer.py")


async def fill(directory: Path) -> None:
    async with embedded_search(directory, SETTINGS) as service:
        await make(service)
        await put(service, *(document(f"d{row}", each) for row, each in enumerate(VECTORS)))
        await service.delete_documents(NAME, ["d7"])


async def check(directory: Path) -> None:
    async with embedded_search(directory, SETTINGS) as service:
        assert await service.count_documents(NAME) == 199
        assert (await ids_near(service, VECTORS[5], top_k=1)) == ["d5"]
        found = await ids_near(service, VECTORS[7], top_k=1000)
        assert sorted(found) == sorted(f"d{row}" for row in range(200) if row != 7)


def index_files(directory: Path) -> list[Path]:
    return sorted(path for path in (directory / "search" / "index").rglob("*") if path.is_file())


def killed_writer(directory: Path, line_count: int) -> list[str]:
    """Return what a writer acknowledged before it was killed."""
    with subprocess.Popen([sys.executable, WRITER, directory], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        lines = [writer.stdout.readline() for _ in range(line_count)]
        writer.send_signal(signal.SIGKILL)
        return lines + writer.stdout.readlines()


@pytest.mark.parametrize("round_", range(3))
async def test_acknowledged_writes_survive_kill_9(tmp_path: Path, round_: int) -> None:
    lines = await asyncio.to_thread(killed_writer, tmp_path, 10 + 25 * round_)
    acknowledged = [line.split() for line in lines if line.startswith(("put ", "delete ")) and line.endswith("\n")]
    written = {name for action, name in acknowledged if action == "put"}
    deleted = {name for action, name in acknowledged if action == "delete"}
    assert len(written) > 5
    async with embedded_search(tmp_path, SETTINGS) as service:
        everything = set(await ids_near(service, VECTORS[0], top_k=10_000))
        assert len(everything) == await service.count_documents(NAME)
        assert not deleted & everything
        # One change may have been made and not acknowledged.
        assert len((written - deleted) ^ everything) <= 1
        for name in everything:
            assert await ids_near(service, unit_vectors(1, seed=int(name[1:]))[0], top_k=1) == [name]


async def test_clean_restart_uses_the_index_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(tmp_path)
    upserts: list[int] = []
    monkeypatch.setattr(ZvecIndex, "upsert", lambda _self, keys, _vectors, records: upserts.append(len(keys)))
    await check(tmp_path)
    assert sum(upserts) == 0


async def test_lost_index_is_made_anew(tmp_path: Path) -> None:
    await fill(tmp_path)
    shutil.rmtree(tmp_path / "search" / "index")
    await check(tmp_path)


async def test_lost_file_of_an_index_is_noticed(tmp_path: Path) -> None:
    await fill(tmp_path / "whole")
    for place in range(len(index_files(tmp_path / "whole"))):
        copy = shutil.copytree(tmp_path / "whole", tmp_path / str(place))
        index_files(copy)[place].unlink()
        await check(copy)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
async def test_damaged_index_is_made_anew(tmp_path: Path, damage: str) -> None:
    await fill(tmp_path)
    for file in index_files(tmp_path):
        content = file.read_bytes()
        middle = len(content) // 2
        damaged = {
            "cut": content[:middle],
            "flip": content[:middle]
            + bytes(byte ^ 0xFF for byte in content[middle : middle + 64])
            + content[middle + 64 :],
            "empty": b"",
        }
        file.write_bytes(damaged[damage])
    await check(tmp_path)


async def test_index_of_another_engine_version_is_made_anew(tmp_path: Path) -> None:
    await fill(tmp_path)
    (file,) = (tmp_path / "search" / "index").glob("*/stamp.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"engine": "zvec 0.7.0"}))
    await check(tmp_path)


async def test_index_that_is_ahead_of_the_store_is_made_anew(tmp_path: Path) -> None:
    await fill(tmp_path)
    (file,) = (tmp_path / "search" / "index").glob("*/stamp.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"applied_seq": 10_000}))
    await check(tmp_path)


async def test_index_that_fails_at_work_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(tmp_path)
    failures = iter([IndexUnusable("it broke")])
    upsert = ZvecIndex.upsert

    def failing(index: ZvecIndex, *arguments: object) -> None:
        for failure in failures:
            raise failure
        upsert(index, *arguments)  # type: ignore[arg-type]

    async with embedded_search(tmp_path, SETTINGS) as service:
        await service.search(near(VECTORS[0]))
        monkeypatch.setattr(ZvecIndex, "upsert", failing)
        await put(service, document("new", unit_vectors(1, seed=99)[0]))
        assert await ids_near(service, unit_vectors(1, seed=99)[0], top_k=1) == ["new"]
        assert len(await ids_near(service, VECTORS[0], top_k=1000)) == 200


def row_count(directory: Path) -> int:
    with closing(sqlite3.connect(directory / "search.sqlite3")) as connection:
        return sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in metadata.tables)


async def test_indexes_of_deleted_collections_are_removed(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with embedded_search(tmp_path, SETTINGS) as service:
        await service.delete_collection(NAME, force=True)
        while row_count(tmp_path) > 1:  # noqa: ASYNC110 - rows go little by little, and a stop would leave the rest
            await asyncio.sleep(0.01)
    assert index_files(tmp_path) == []
    assert row_count(tmp_path) == 1  # The sequence.


async def test_tombstones_go_once_the_index_is_flushed(tmp_path: Path) -> None:
    async with embedded_search(tmp_path, SearchSettings(flush_after=10)) as service:
        await make(service)
        await put(service, *(document(f"d{row}", VECTORS[row]) for row in range(10)))
        await put(service, *(document(f"d{row}", VECTORS[row]) for row in range(10, 20)))
        await service.delete_documents(NAME, [f"d{row}" for row in range(15)])
    with closing(sqlite3.connect(tmp_path / "search.sqlite3")) as connection, connection:
        assert connection.execute("SELECT count(*) FROM tombstones").fetchone() == (0,)
    connection.close()
    async with embedded_search(tmp_path, SETTINGS) as service:
        assert len(await ids_near(service, VECTORS[0], top_k=20)) == 5


async def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    await fill(tmp_path)
    file = tmp_path / "search.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(FailedPrecondition) as refused:
        await check(tmp_path)
    assert (refused.value.reason, refused.value.metadata) == (Reason.FILE_UNUSABLE, {"file": str(file)})


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "search.sqlite3").write_bytes(b"something else" * 1000)
    with pytest.raises(DataLoss):
        await check(tmp_path)


async def test_a_second_service_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with embedded_search(tmp_path, SETTINGS):
        with pytest.raises(FailedPrecondition) as refused:
            await check(tmp_path)
    assert refused.value.reason is Reason.FILE_UNUSABLE


def test_migrations_make_the_tables_that_the_code_describes(tmp_path: Path) -> None:
    file = tmp_path / "search.sqlite3"
    engine = open_engine(file, begin="BEGIN", connections=1)
    bring_up_to_date(engine, file, MIGRATIONS)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert differences == []


def test_tables_suit_postgresql() -> None:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateIndex, CreateTable

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        assert all(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)


async def test_collection_says_how_many_documents_wait_for_its_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_begin, has_ended = threading.Event(), asyncio.Event()
    optimise, loop = ZvecIndex.optimise, asyncio.get_running_loop()

    def held(index: ZvecIndex) -> None:
        may_begin.wait()
        optimise(index)
        loop.call_soon_threadsafe(has_ended.set)

    monkeypatch.setattr(ZvecIndex, "optimise", held)
    async with embedded_search(tmp_path, SearchSettings(optimize_after=100, optimize_at=100)) as service:
        await make(service)
        await put(service, *(document(f"d{row}", each) for row, each in enumerate(VECTORS)))
        assert (await service.get_collection(NAME)).pending_count == len(VECTORS)
        may_begin.set()
        await has_ended.wait()
        assert (await service.get_collection(NAME)).pending_count == 0


async def test_an_index_is_optimised_when_writes_rest_which_may_be_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_ended = asyncio.Event()
    optimise, loop = ZvecIndex.optimise, asyncio.get_running_loop()

    def told(index: ZvecIndex) -> None:
        optimise(index)
        loop.call_soon_threadsafe(has_ended.set)

    monkeypatch.setattr(ZvecIndex, "optimise", told)
    monkeypatch.setattr(library, "REST_SECONDS", 3600)
    settings = SearchSettings(optimize_after=100)
    async with embedded_search(tmp_path, settings) as service:
        await make(service)
        await put(service, *(document(f"d{row}", each) for row, each in enumerate(VECTORS)))
    assert not has_ended.is_set()
    monkeypatch.setattr(library, "REST_SECONDS", 0)
    async with embedded_search(tmp_path, settings) as service:
        await ids_near(service, VECTORS[0], top_k=1)
        await has_ended.wait()
        assert (await service.get_collection(NAME)).pending_count == 0


def test_files_that_an_engine_replaces_while_they_are_synced_are_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "000019.sst", tmp_path / "000020.sst"
    old.touch()
    synced: list[Path] = []

    def compacted(path: Path) -> None:
        if path == old:
            old.rename(new)
            raise FileNotFoundError(path)
        synced.append(path)

    monkeypatch.setattr(stamp, "sync", compacted)
    stamp.sync_tree(tmp_path)
    assert synced == [new]
