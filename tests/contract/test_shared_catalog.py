"""Several dataset services on one PostgreSQL: each does a part of the jobs, and any of them answers for all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours
from memory_mesh import MemoryMesh
from postgres_server import PostgresServer
from pydantic import SecretStr
from sqlalchemy import BigInteger, Column, MetaData, Table, create_engine, insert, select, text, update

from sensorium.dataset.bitmaps import library, loading
from sensorium.dataset.embedded import MIGRATIONS, embedded_datasets
from sensorium.dataset.jobs import job_lease, job_rows
from sensorium.dataset.jobs.job_lease import LeaseLost, fenced
from sensorium.dataset.tables import job_files, taggings
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import FailedPrecondition, InvalidArgument, Reason, Unavailable
from sensorium.model.dataset_file import FileSelection, TagEdit
from sensorium.model.dataset_job import ImportWork, IndexWork, Job, JobFileState, JobSpec, JobState, TagWork, Work
from sensorium.model.document import DocumentView
from sensorium.model.names import CollectionName, TagDefinitionName
from sensorium.model.search import TagFilter
from sensorium.model.tagging import TagDefinitionSpec, TagRequest, TagResponse, TagSpec
from sensorium.settings import DatasetSettings
from sensorium.storage import postgres as postgres_module
from sensorium.storage.postgres import Postgres
from sensorium.storage.store import Store

LETTERS = TagDefinitionName("default", "letters")
FILES = 24


class Gate:
    """Holds back what a worker tags until it is opened."""

    def __init__(self, memory: MemoryMesh) -> None:
        self._tag = memory.tagger.tag
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        memory.tagger.tag = self.tag  # type: ignore[method-assign]

    async def tag(self, request: TagRequest) -> TagResponse:
        self.reached.set()
        await self.opened.wait()
        return await self._tag(request)


@dataclass
class Role:
    """A dataset service, and the mesh of its own that it calls; documents are in one search service."""

    ports: DatasetPorts
    memory: MemoryMesh

    async def begin(self, work: Work) -> Job:
        return await self.ports.jobs.create_job(JobSpec(V1, work, concurrency=1))

    async def ended(self, job: Job) -> Job:
        return [each async for each in self.ports.jobs.watch_job(job.name)][-1]


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.database()


@pytest.fixture
async def roles(url: str, tmp_path: Path) -> AsyncIterator[tuple[Role, Role]]:
    folder = tmp_path / "data"
    folder.mkdir()
    for place in range(FILES):
        (folder / f"{place}.txt").write_text(f"a{'b' * (place % 7)}")
    async with role(url, tmp_path, "one") as one, role(url, tmp_path, "two") as two:
        two.memory.store.collections = one.memory.store.collections
        two.memory.store.documents = one.memory.store.documents
        await one.ports.datasets.create_dataset(NAME, in_folder(folder))
        yield one, two


@asynccontextmanager
async def role(url: str, folder: Path, worker: str) -> AsyncIterator[Role]:
    memory = MemoryMesh()
    await memory.tagger.create_definition(LETTERS, TagDefinitionSpec((TagSpec("aaa"),), threshold=0.5))
    settings = DatasetSettings(
        database_url=SecretStr(url), worker=worker, key_file=folder / "key", roots=(folder,), job_batch=4
    )
    async with embedded_datasets(folder / worker, settings, neighbours(memory), TaskRunner) as ports:
        yield Role(ports, memory)


def counts(job: Job) -> tuple[JobState, int, int, int]:
    return job.state, job.succeeded_count, job.failed_count, job.skipped_count


async def test_both_work_on_one_job_and_no_file_is_done_twice(roles: tuple[Role, Role], url: str) -> None:
    one, two = roles
    await one.ended(await one.begin(ImportWork()))
    gates = [Gate(each.memory) for each in roles]
    job = await one.begin(TagWork(LETTERS))
    await asyncio.gather(*(gate.reached.wait() for gate in gates))
    for gate in gates:
        gate.opened.set()
    assert counts(await two.ended(job)) == (JobState.SUCCEEDED, FILES, 0, 0)
    engine = create_engine(url)
    with engine.connect() as sql:
        assert sorted(sql.execute(select(job_files.c.attempts)).scalars()) == [1] * FILES
        tagged = sql.execute(select(taggings.c.file)).scalars().all()
    engine.dispose()
    assert len(tagged) == len({*tagged}) == FILES
    # Each has embedded what it tagged; the tags themselves are embedded too.
    seen = [sum(len(each.contents) for each in made.memory.tagger.requests) for made in roles]
    assert sum(seen) == FILES
    assert all(seen)


async def test_an_import_is_done_by_one_while_the_other_waits(roles: tuple[Role, Role]) -> None:
    one, two = roles
    jobs = [await one.begin(ImportWork()), await two.begin(ImportWork())]
    ends = await asyncio.gather(one.ended(jobs[1]), two.ended(jobs[0]))
    assert sorted(counts(end)[1:] for end in ends) in ([(0, 0, FILES), (FILES, 0, 0)], [(FILES, 0, 0)] * 2)
    assert (await two.ports.datasets.get_version(V1)).file_count == FILES


async def test_a_job_is_paused_resumed_and_cancelled_by_a_role_that_did_not_begin_it(roles: tuple[Role, Role]) -> None:
    one, two = roles
    await one.ended(await one.begin(ImportWork()))
    gates = [Gate(each.memory) for each in roles]
    job = await one.begin(TagWork(LETTERS))
    await gates[0].reached.wait()
    await two.ports.jobs.pause_job(job.name)
    for gate in gates:
        gate.opened.set()
    assert (await one.ended(job)).state is JobState.PAUSED
    for gate in gates:
        gate.reached.clear()
        gate.opened.clear()
    assert (await two.ports.jobs.resume_job(job.name)).state is JobState.PENDING
    await gates[0].reached.wait()
    await two.ports.jobs.cancel_job(job.name)
    for gate in gates:
        gate.opened.set()
    assert (await one.ended(job)).state is JobState.MANUALLY_STOPPED


async def test_an_edit_in_one_reaches_the_search_documents_through_either(roles: tuple[Role, Role]) -> None:
    one, two = roles
    await one.ended(await one.begin(ImportWork()))
    await one.ended(await one.begin(IndexWork()))
    [file, *_] = (await two.ports.files.list_files(V1, 1, "")).items
    await two.ports.files.edit_tags(TagEdit(V1, FileSelection((file.name.id,)), ("seen",)))
    version = await two.ports.datasets.get_version(V1)
    assert isinstance(version.collection, CollectionName)
    tags: tuple[str, ...] = ()
    async with asyncio.timeout(30):
        while tags != ("seen",):
            [found] = await one.memory.searcher.get_documents(version.collection, [file.name.id], DocumentView())
            tags = found.tags  # type: ignore[union-attr]
            await asyncio.sleep(0.05)


async def test_a_role_that_ends_leaves_its_files_to_the_others_at_once(url: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a")
    async with role(url, tmp_path, "one") as one:
        await one.ports.datasets.create_dataset(NAME, in_folder(tmp_path / "data"))
        await one.ended(await one.begin(ImportWork()))
        gate = Gate(one.memory)
        job = await one.begin(TagWork(LETTERS))
        await gate.reached.wait()
    engine = create_engine(url)
    with engine.connect() as sql:
        left = sql.execute(select(job_files.c.state, job_files.c.lease)).all()
    engine.dispose()
    assert left == [(JobFileState.PENDING.value, "")]
    async with role(url, tmp_path, "two") as two:
        assert counts(await two.ended(job)) == (JobState.SUCCEEDED, 1, 0, 0)


async def test_each_role_keeps_bitmaps_and_after_a_restart_knows_what_the_others_did(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "LEAST_KEPT", 1)
    (tmp_path / "data").mkdir()
    for place in range(FILES):
        (tmp_path / "data" / f"{place}.txt").write_text(f"a{'b' * (place % 7)}")
    seen = FileSelection(tags=TagFilter(all=("seen",)))

    async def found(at: Role) -> int:
        return (await at.ports.files.statistics(V1, seen)).file_count

    async with role(url, tmp_path, "one") as one, role(url, tmp_path, "two") as two:
        await one.ports.datasets.create_dataset(NAME, in_folder(tmp_path / "data"))
        await one.ended(await one.begin(ImportWork()))
        assert await found(one) == await found(two) == 0
    monkeypatch.setattr(loading, "fill", None)  # From here on everything is read from the files.
    async with role(url, tmp_path, "one") as one:
        [file, *_] = (await one.ports.files.list_files(V1, 1, "")).items
        await one.ports.files.edit_tags(TagEdit(V1, FileSelection((file.name.id,)), ("seen",)))
        assert await found(one) == 1
    async with role(url, tmp_path, "one") as one, role(url, tmp_path, "two") as two:
        assert await found(one) == await found(two) == 1


# --- Leases ---------------------------------------------------------------------------------------------------------


async def test_a_worker_whose_lease_ran_out_changes_nothing_more(roles: tuple[Role, Role], url: str) -> None:
    one, _ = roles
    made = await one.ended(await one.begin(ImportWork()))
    engine = create_engine(url)
    with engine.begin() as sql:
        key = job_rows.row_of(sql, made.name).key
        mine = job_lease.take(sql, key, "mine", 60)
        held = job_rows.row_of(sql, made.name)
        assert not job_lease.take(sql, key, "other", 60)
        assert fenced(held, lambda _: "done")(sql) == "done"
        job_rows.change(sql, key, lease_until=0)
        theirs = job_lease.take(sql, key, "other", 60)
        with pytest.raises(LeaseLost):
            fenced(held, lambda _: "done")(sql)
        job_lease.give_back(sql, key, mine)
        job_lease.renew(sql, key, mine, 900)
        job_lease.forget(sql, "mine")
        assert job_rows.row_of(sql, made.name).lease == theirs
        job_lease.forget(sql, "other")
        assert job_lease.take(sql, key, "mine", 60)
    engine.dispose()


# --- The database ---------------------------------------------------------------------------------------------------


def store_on(url: str, worker: str) -> Store:
    return Store("dataset", Postgres(url, worker), MIGRATIONS, threads=2, queue_reads=100, queue_rows=1000)


async def test_changes_of_two_processes_do_not_overlap(url: str) -> None:
    counter = Table("counter", MetaData(), Column("value", BigInteger))
    async with store_on(url, "one") as one, store_on(url, "two") as two:
        await one.write(counter.create)
        await one.write(lambda sql: sql.execute(insert(counter).values(value=0)))

        def count(sql: object) -> None:
            value = sql.execute(select(counter.c.value)).scalar_one()  # type: ignore[attr-defined]
            sql.execute(text("SELECT pg_sleep(0.005)"))  # type: ignore[attr-defined]
            sql.execute(update(counter).values(value=value + 1))  # type: ignore[attr-defined]

        for _ in range(10):
            await asyncio.gather(one.write(count), two.write(count))
        assert await two.read(lambda sql: sql.execute(select(counter.c.value)).scalar_one()) == 20


async def test_a_task_is_one_processs_alone_at_a_time(url: str) -> None:
    async with store_on(url, "one") as one, store_on(url, "two") as two:
        async with one.reserved("task") as first, two.reserved("task") as second, two.reserved("another") as third:
            assert (first, second, third) == (True, False, True)
        async with two.reserved("task") as again:
            assert again


async def test_two_processes_of_one_name_are_refused(url: str) -> None:
    async with store_on(url, "same"):
        with pytest.raises(FailedPrecondition, match=r"named same.*SENSORIUM_DATASET__WORKER"):
            await store_on(url, "same").__aenter__()
    async with store_on(url, "same"):
        pass


async def test_a_database_that_sorts_by_a_language_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The server of the tests has no language, so its locale stands for one.
    monkeypatch.setattr(postgres_module, "BYTEWISE", frozenset({"POSIX"}))
    with pytest.raises(FailedPrecondition, match="sorts texts by a language"):
        await store_on(url, "one").__aenter__()


async def test_a_server_that_is_away_is_unavailable(url: str) -> None:
    with pytest.raises(Unavailable) as caught:
        await store_on("postgresql+psycopg://user:hidden@127.0.0.1:1/catalog", "one").__aenter__()
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("given", ["nonsense", "postgresql+psycopg://host", "sqlite:///x", "mysql://user:hidden@h/d"])
def test_what_is_no_url_of_postgresql_is_refused_without_its_password(given: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Postgres(given, "one")
    assert caught.value.reason is Reason.FIELD_INVALID
    assert "hidden" not in str(caught.value)
