"""What is wrong with one file ends in the ledger with its reason; what is wrong with all of them lets a job rest."""

import errno
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bucket_samples import bucket, s3_client, s3_connection
from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours
from faulty_bucket import Faults, faulty_bucket
from memory_mesh import MemoryMesh
from PIL import Image

from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset.storages.local_files import _Folder
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import Reason
from sensorium.model.dataset import DatasetSpec
from sensorium.model.dataset_export import ExportFormat, ExportWork, StorageTarget
from sensorium.model.dataset_job import ImportWork, IndexWork, Job, JobFileState, JobSpec, JobState, Work
from sensorium.model.dataset_names import ConnectionName
from sensorium.model.embedding import EmbedRequest, EmbedResponse
from sensorium.settings import DatasetSettings


@dataclass
class World:
    ports: DatasetPorts
    memory: MemoryMesh
    folder: Path

    async def run(self, work: Work) -> Job:
        return await self.ended(await self.ports.jobs.create_job(JobSpec(V1, work)))

    async def resumed(self, job: Job) -> Job:
        return await self.ended(await self.ports.jobs.resume_job(job.name))

    async def ended(self, job: Job) -> Job:
        return [each async for each in self.ports.jobs.watch_job(job.name)][-1]

    async def reasons(self, job: Job) -> dict[str, Reason]:
        page = await self.ports.jobs.list_job_files(job.name, 0, "", [JobFileState.FAILED])
        return {Path(each.uri).name: each.error.reason for each in page.items if each.error}

    async def paths(self) -> set[str]:
        page = await self.ports.files.list_files(V1, 0, "")
        return {each.file_name for each in page.items}

    async def imported(self, *names: str) -> None:
        for name in names:
            (self.folder / f"{name}.txt").write_text(name * 3)
        assert (await self.run(ImportWork())).state is JobState.SUCCEEDED

    def before_embedding(self, act: Callable[[], object]) -> None:
        """Do something once, when the first files have been read and are to be embedded."""
        embed = self.memory.embedder.embed

        async def embedded(request: EmbedRequest) -> EmbedResponse:
            self.memory.embedder.embed = embed  # type: ignore[method-assign]
            act()
            return await embed(request)

        self.memory.embedder.embed = embedded  # type: ignore[method-assign]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    memory, folder = MemoryMesh(), tmp_path / "data"
    folder.mkdir()
    settings = DatasetSettings(roots=(tmp_path,), export_roots=(tmp_path,), retry_seconds=(), job_batch=1)
    async with embedded_datasets(tmp_path / "state", settings, neighbours(memory), TaskRunner) as ports:
        await ports.datasets.create_dataset(NAME, in_folder(folder))
        yield World(ports, memory, folder)


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Path], object]], None]:
    """Give what lets something happen to a file at the moment that it is opened."""

    def meddle(name: str, act: Callable[[Path], object]) -> None:
        opened = os.open

        def open_(path: Any, *arguments: Any, **named: Any) -> int:
            if Path(os.fsdecode(path)).name == name:
                act(Path(path))
            return opened(path, *arguments, **named)

        monkeypatch.setattr("sensorium.dataset.storages.local_files.os.open", open_)

    return meddle


def broken(_path: Path) -> None:
    raise OSError(errno.EIO, "Input/output error")


# --- One file -------------------------------------------------------------------------------------------------------


async def test_a_file_on_a_bad_block_fails_alone_when_it_is_imported(
    world: World, opening: Callable[[str, Callable[[Path], object]], None]
) -> None:
    for name in ("good.png", "bad.png"):
        Image.new("L", (3, 2)).save(world.folder / name)
    opening("bad.png", broken)
    job = await world.run(ImportWork())
    assert (job.state, await world.reasons(job)) == (JobState.PARTIAL_FAILED, {"bad.png": Reason.FILE_UNREADABLE})
    assert await world.paths() == {"good.png"}


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (broken, Reason.FILE_UNREADABLE),
        (Path.unlink, Reason.RESOURCE_NOT_FOUND),
        (lambda path: path.rename(path.with_name("moved.txt")), Reason.RESOURCE_NOT_FOUND),
        (lambda path: path.write_bytes(b""), Reason.CONTENT_EMPTY),
        (lambda path: path.write_bytes(b"\xff\xfe"), Reason.MEDIA_UNDECODABLE),
    ],
    ids=["unreadable", "vanished", "renamed", "emptied", "corrupt"],
)
async def test_a_file_that_goes_bad_while_a_job_runs_fails_alone(
    world: World,
    opening: Callable[[str, Callable[[Path], object]], None],
    act: Callable[[Path], object],
    reason: Reason,
) -> None:
    await world.imported("a", "b", "c")
    opening("b.txt", act)
    job = await world.run(IndexWork())
    assert (job.state, job.succeeded_count, job.error) == (JobState.PARTIAL_FAILED, 2, None)
    assert await world.reasons(job) == {"b.txt": reason}


async def test_a_file_that_may_not_be_read_fails_alone(
    world: World, opening: Callable[[str, Callable[[Path], object]], None]
) -> None:
    await world.imported("a", "b")
    opening("b.txt", denied)
    assert await world.reasons(await world.run(IndexWork())) == {"b.txt": Reason.PERMISSION_DENIED}


async def test_a_file_without_a_byte_and_a_damaged_picture_are_not_imported(world: World) -> None:
    (world.folder / "empty.txt").write_bytes(b"")
    (world.folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    job = await world.run(ImportWork())
    assert job.state is JobState.FAILED
    assert await world.reasons(job) == {"empty.txt": Reason.CONTENT_EMPTY, "bad.png": Reason.MEDIA_UNDECODABLE}


async def test_an_entry_that_cannot_be_looked_at_fails_alone_and_is_not_taken_for_vanished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.imported("a", "b")
    found = _Folder.shown

    def failing(self: _Folder, name: str, *rest: Any) -> Any:
        if name == "b.txt":
            broken(world.folder / name)
        return found(self, name, *rest)

    monkeypatch.setattr(_Folder, "shown", failing)
    job = await world.run(ImportWork())
    assert await world.reasons(job) == {"b.txt": Reason.FILE_UNREADABLE}
    assert await world.paths() == {"a.txt", "b.txt"}


def denied(_path: Path) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize(
    ("act", "reason"), [(broken, Reason.FILE_UNREADABLE), (denied, Reason.PERMISSION_DENIED)], ids=["broken", "denied"]
)
async def test_an_export_leaves_out_a_file_that_cannot_be_read(
    world: World,
    opening: Callable[[str, Callable[[Path], object]], None],
    tmp_path: Path,
    act: Callable[[Path], object],
    reason: Reason,
) -> None:
    await world.imported("a", "b")
    opening("b.txt", act)
    for place, form in enumerate((ExportFormat.JSONL, ExportFormat.WEBDATASET)):
        target = StorageTarget(str(tmp_path / f"out{place}"), form, with_files=True)
        job = await world.run(ExportWork(target))
        assert (job.state, job.succeeded_count) == (JobState.PARTIAL_FAILED, 1)
        assert await world.reasons(job) == {"b.txt": reason}


async def test_a_renamed_file_comes_in_under_its_new_name(world: World) -> None:
    await world.imported("a", "b")
    (world.folder / "b.txt").rename(world.folder / "moved.txt")
    await world.run(ImportWork())
    assert await world.paths() == {"a.txt", "moved.txt"}


# --- All files ------------------------------------------------------------------------------------------------------


class Gone(NamedTuple):
    """The folder of a dataset, which is away and comes back."""

    folder: Path

    def leave(self) -> None:
        self.folder.rename(self.folder.with_name("elsewhere"))

    def come_back(self) -> None:
        self.folder.with_name("elsewhere").rename(self.folder)


@pytest.mark.parametrize("work", [ImportWork(), IndexWork()], ids=["import", "index"])
async def test_a_job_rests_while_the_folder_of_all_files_is_gone(world: World, work: Work) -> None:
    await world.imported("a", "b", "c")
    Gone(world.folder).leave()
    job = await world.run(work)
    assert job.error
    assert (job.state, job.error.reason, job.failed_count) == (JobState.PAUSED, Reason.BACKEND_UNAVAILABLE, 0)
    assert "gone or does not answer" in job.error.message
    Gone(world.folder).come_back()
    ended = await world.resumed(job)
    assert (ended.state, ended.failed_count) == (JobState.SUCCEEDED, 0)
    page = await world.ports.files.list_files(V1, 0, "")
    assert len(page.items) == 3


async def test_a_folder_that_goes_while_a_job_runs_costs_no_file(world: World) -> None:
    await world.imported("a", "b", "c", "d", "e")
    world.before_embedding(Gone(world.folder).leave)
    job = await world.run(IndexWork())
    assert (job.state, job.failed_count) == (JobState.PAUSED, 0)
    Gone(world.folder).come_back()
    ended = await world.resumed(job)
    assert (ended.state, ended.succeeded_count, ended.failed_count) == (JobState.SUCCEEDED, 5, 0)


async def test_a_job_rests_while_the_bucket_of_all_files_is_gone(world: World) -> None:
    with bucket("things") as endpoint:
        client, name = s3_client(endpoint), ConnectionName("default", "store")
        await world.ports.connections.create_connection(name, s3_connection(endpoint, "things"))
        await world.ports.datasets.delete_dataset(NAME, force=True)
        await world.ports.datasets.create_dataset(NAME, DatasetSpec(uri="s3://things", connection=name))
        for key in ("a.txt", "b.txt"):
            client.put_object(Bucket="things", Key=key, Body=b"aaa")
        await world.run(ImportWork())
        for key in ("a.txt", "b.txt"):
            client.delete_object(Bucket="things", Key=key)
        gone = await world.run(IndexWork())
        assert await world.reasons(gone) == {"a.txt": Reason.RESOURCE_NOT_FOUND, "b.txt": Reason.RESOURCE_NOT_FOUND}
        client.delete_bucket(Bucket="things")
        for work in (ImportWork(), IndexWork()):
            job = await world.run(work)
            assert job.error
            assert (job.state, job.error.reason, job.failed_count) == (JobState.PAUSED, Reason.BACKEND_UNAVAILABLE, 0)
            assert "the bucket is gone" in job.error.message
            await world.ports.jobs.cancel_job(job.name)
        page = await world.ports.files.list_files(V1, 0, "")
        assert len(page.items) == 2


@pytest.fixture
async def stored(world: World) -> AsyncIterator[Faults]:
    """The faults of a bucket below the dataset, which has imported six texts of it."""
    with faulty_bucket("things") as (sound, faults):
        client, name = s3_client(sound), ConnectionName("default", "store")
        await world.ports.connections.create_connection(name, s3_connection(faults.endpoint, "things"))
        await world.ports.datasets.delete_dataset(NAME, force=True)
        await world.ports.datasets.create_dataset(NAME, DatasetSpec(uri="s3://things", connection=name))
        client.put_object(Bucket="things", Key="0.txt", Body=b"")
        for key in "abcdef":
            client.put_object(Bucket="things", Key=f"{key}.txt", Body=key.encode() * 3)
        await world.run(ImportWork())
        assert len(await world.paths()) == 6
        yield faults


@pytest.mark.parametrize("place", ["a.txt", "f.txt"], ids=["first", "last"])
async def test_an_object_that_its_store_never_gives_fails_alone(world: World, stored: Faults, place: str) -> None:
    stored.keys.add(place)
    job = await world.run(IndexWork())
    assert (job.state, job.succeeded_count, job.error) == (JobState.PARTIAL_FAILED, 5, None)
    assert await world.reasons(job) == {place: Reason.FILE_UNREADABLE}
    assert 1 < stored.refused < 10  # Tried again, but not for ever.
    stored.keys.clear()
    ended = await world.ended(await world.ports.jobs.retry_job(job.name))
    assert (ended.state, ended.succeeded_count) == (JobState.SUCCEEDED, 6)


async def test_objects_that_their_store_never_gives_fail_while_others_are_given(world: World, stored: Faults) -> None:
    stored.keys |= {f"{key}.txt" for key in "abcde"}
    job = await world.run(IndexWork())
    assert (job.state, job.succeeded_count, job.failed_count) == (JobState.PARTIAL_FAILED, 1, 5)


@pytest.mark.parametrize("fault", ["gives_nothing", "is_away"])
async def test_a_job_rests_while_its_store_gives_no_object_at_all(world: World, stored: Faults, fault: str) -> None:
    setattr(stored, fault, True)
    job = await world.run(IndexWork())
    assert job.error
    assert (job.state, job.error.reason, job.failed_count) == (JobState.PAUSED, Reason.BACKEND_UNAVAILABLE, 0)
    setattr(stored, fault, False)
    ended = await world.resumed(job)
    assert (ended.state, ended.succeeded_count, ended.failed_count) == (JobState.SUCCEEDED, 6, 0)


async def test_a_store_that_stops_giving_objects_while_a_job_runs_costs_no_file(world: World, stored: Faults) -> None:
    world.before_embedding(lambda: setattr(stored, "gives_nothing", True))
    job = await world.run(IndexWork())
    assert (job.state, job.failed_count) == (JobState.PAUSED, 0)
    stored.gives_nothing = False
    ended = await world.resumed(job)
    assert (ended.state, ended.succeeded_count, ended.failed_count) == (JobState.SUCCEEDED, 6, 0)


async def test_a_job_rests_while_the_disk_of_the_catalog_is_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.imported("a", "b", "c")
    free = {"bytes": 1 << 40}

    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr("sensorium.storage.space.shutil.disk_usage", lambda _folder: Usage(free["bytes"]))
    world.before_embedding(lambda: free.update(bytes=0))
    job = await world.run(IndexWork())
    assert job.error
    assert (job.state, job.error.reason, job.failed_count) == (JobState.PAUSED, Reason.STORAGE_FULL, 0)
    free.update(bytes=1 << 40)
    ended = await world.resumed(job)
    assert (ended.state, ended.succeeded_count) == (JobState.SUCCEEDED, 3)
    page = await world.ports.files.list_files(V1, 0, "")
    assert len(page.items) == 3
