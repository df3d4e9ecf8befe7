"""A version that begins as a copy has the files and tags of its source, and nobody reads it before it is whole."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours, reached
from memory_mesh import MemoryMesh
from pydantic import SecretStr

from sensorium.client import datasets as client_datasets
from sensorium.client.calling import Caller
from sensorium.client.datasets import AsyncDatasets
from sensorium.context import CallContext, opened
from sensorium.dataset import version_copies
from sensorium.dataset import version_copying as copying
from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset.version_copies import VersionCopies
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import FailedPrecondition, InvalidArgument, NotFound, Reason, ResourceExhausted
from sensorium.model.dataset import DatasetVersion, VersionCopy, VersionField, VersionSpec, VersionState, VersionUpdate
from sensorium.model.dataset_file import FileRecord, FileSelection, FileStatistics, StatusFilter, TagEdit
from sensorium.model.dataset_job import ImportWork, IndexWork, Job, JobSpec, JobState, TagWork, Work
from sensorium.model.dataset_names import FileName, VersionName
from sensorium.model.file_search import FileSearchRequest
from sensorium.model.names import TagDefinitionName
from sensorium.model.search import FacetRequest
from sensorium.model.tagging import TagDefinitionSpec, TagSpec
from sensorium.settings import DatasetSettings
from sensorium.storage.moments import EPOCH

LETTERS = TagDefinitionName("default", "letters")
V2 = VersionName(NAME, 2)
ALL = FileSelection(status=StatusFilter.ALL)


@dataclass
class World:
    ports: DatasetPorts
    folder: Path

    async def run(self, work: Work, version: VersionName = V1) -> Job:
        job = await self.ports.jobs.create_job(JobSpec(version, work))
        return [each async for each in self.ports.jobs.watch_job(job.name)][-1]

    async def files(self, version: VersionName, selection: FileSelection = ALL) -> list[FileRecord]:
        return list((await self.ports.files.list_files(version, 1000, "", selection)).items)

    async def edit(self, name: str, *tags: str) -> None:
        await self.ports.files.edit_tags(TagEdit(V1, FileSelection(filter=f'FileName = "{name}"'), add=tags))

    async def content(self, file: FileRecord) -> bytes:
        return b"".join([chunk async for chunk in self.ports.files.read_file(file.name)])


@pytest.fixture(params=["local", "remote", "postgres"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    memory, folder = MemoryMesh(), tmp_path / "data"
    folder.mkdir()
    await memory.tagger.create_definition(LETTERS, TagDefinitionSpec((TagSpec("aaa"), TagSpec("bbb")), threshold=0.9))
    url = request.getfixturevalue("postgres").database() if request.param == "postgres" else ""
    settings = DatasetSettings(database_url=SecretStr(url), roots=(tmp_path,), retry_seconds=())
    async with embedded_datasets(tmp_path / "state", settings, neighbours(memory), TaskRunner) as service:
        await service.datasets.create_dataset(NAME, in_folder(folder))
        async with reached(service, memory, remote=request.param == "remote") as ports:
            yield World(ports, folder)


async def filled(world: World) -> None:
    """Five texts with tags of taggers and people, one of them hidden, and one that has vanished."""
    for name in "abcdef":
        (world.folder / f"{name}.txt").write_text(name * 4)
    await world.run(ImportWork())
    (world.folder / "f.txt").unlink()
    await world.run(ImportWork())
    await world.run(TagWork(LETTERS))
    await world.run(IndexWork())
    await world.edit("a.txt", "mine")
    await world.ports.files.edit_tags(TagEdit(V1, FileSelection(filter='FileName = "b.txt"'), hide=("bbb",)))


def told(files: list[FileRecord]) -> list[FileRecord]:
    """Return what a copy has in common with its source."""
    same: dict[str, Any] = {"create_time": EPOCH, "update_time": EPOCH, "index_job": "", "index_time": None}
    return [replace(each, name=FileName(V1, each.name.id), **same) for each in files]


async def test_a_copy_has_the_files_and_all_tags_of_its_source(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "PIECE", 2)
    await filled(world)
    made = await world.ports.datasets.create_version(NAME, VersionSpec("next"), source=1)
    before = await world.files(V1, FileSelection())
    assert (made.name, made.spec.description, made.state, made.file_count) == (V2, "next", VersionState.DRAFT, 5)
    assert made.size_bytes == (await world.ports.datasets.get_version(V1)).size_bytes
    assert told(await world.files(V2)) == told(before)
    assert [each.tags.effective for each in before] == [("aaa", "mine"), (), (), (), ()]
    assert made.collection is None
    assert (await world.ports.datasets.get_dataset(NAME)).latest == made


async def test_a_copy_lives_its_own_life(world: World) -> None:
    await filled(world)
    await world.ports.datasets.create_version(NAME, VersionSpec(), source=1)
    await world.edit("c.txt", "of the first")
    assert {tag for each in await world.files(V2) for tag in each.tags.user} == {"mine"}
    await world.ports.datasets.delete_version(V1)
    facets = await world.ports.files.statistics(V2, FileSelection(), [FacetRequest("user_tags")])
    assert facets.facets[0].counts == (("mine", 1),)
    assert (await world.run(TagWork(LETTERS), V2)).state is JobState.SUCCEEDED


async def test_files_of_a_copy_are_read_where_those_of_the_source_are(world: World, tmp_path: Path) -> None:
    await filled(world)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "new.txt").write_text("new")
    await world.ports.datasets.create_version(NAME, VersionSpec(uri=f"file://{elsewhere}"), source=1)
    await world.run(ImportWork(keep_vanished=True), V2)
    found = {each.file_name: await world.content(each) for each in await world.files(V2)}
    assert found == {**{f"{name}.txt": name.encode() * 4 for name in "abcde"}, "new.txt": b"new"}
    # A copy of the copy reads from both.
    await world.ports.datasets.create_version(NAME, VersionSpec(), source=2)
    again = {each.file_name: await world.content(each) for each in await world.files(VersionName(NAME, 3))}
    assert again == found


async def test_what_changes_meanwhile_is_in_the_copy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "PIECE", 2)
    await filled(world)
    catch_up = VersionCopies._catch_up

    async def changing(self: VersionCopies, key: int) -> None:
        await world.edit("b.txt", "late")
        (world.folder / "a.txt").unlink()
        (world.folder / "c.txt").write_text("longer than before")
        (world.folder / "g.txt").write_text("new")
        await world.run(ImportWork())
        await catch_up(self, key)
        await world.edit("d.txt", "last")

    monkeypatch.setattr(VersionCopies, "_catch_up", changing)
    made = await world.ports.datasets.create_version(NAME, VersionSpec(), source=1)
    after = await world.files(V1, FileSelection())
    assert told(await world.files(V2)) == told(after)
    assert [each.file_name for each in after] == ["b.txt", "c.txt", "d.txt", "e.txt", "g.txt"]
    assert {tag for each in after for tag in each.tags.user} == {"late", "last"}
    counted = await world.ports.files.statistics(V2, FileSelection(filter="size_bytes >= 0"))
    assert counted == FileStatistics(made.file_count, made.size_bytes)


async def test_a_repeat_with_its_request_id_copies_once(world: World) -> None:
    await filled(world)
    key = str(uuid.uuid4())

    async def copy() -> VersionName:
        return (await world.ports.datasets.create_version(NAME, VersionSpec(), source=1, request_id=key)).name

    assert await asyncio.gather(copy(), copy()) == [V2, V2]
    assert await copy() == V2
    with pytest.raises(InvalidArgument) as caught:
        await world.ports.datasets.create_version(NAME, VersionSpec("other"), source=1, request_id=key)
    assert caught.value.field == "request_id"
    assert len((await world.ports.datasets.list_versions(NAME, 0, "")).items) == 2


async def test_a_copy_goes_on_beyond_the_deadline_of_its_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(world)
    call, catch_up = CallContext(deadline=time.monotonic() + 3600), VersionCopies._catch_up

    async def late(copies: VersionCopies, key: int) -> None:
        call.deadline = time.monotonic() - 1
        await catch_up(copies, key)

    monkeypatch.setattr(VersionCopies, "_catch_up", late)
    with opened(call):
        made = await world.ports.datasets.create_version(NAME, VersionSpec(), source=1)
    assert len(await world.files(made.name)) == 5


async def test_there_must_be_a_source(world: World) -> None:
    with pytest.raises(NotFound):
        await world.ports.datasets.create_version(NAME, VersionSpec(), source=7)


@dataclass
class Gate:
    """Holds copies that have all files of their first pass, until it is opened."""

    reached: asyncio.Event
    opened: asyncio.Event


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate that stands in the way of every copy; calls do not wait for one."""
    gate, catch_up = Gate(asyncio.Event(), asyncio.Event()), VersionCopies._catch_up

    async def held(copies: VersionCopies, key: int) -> None:
        gate.reached.set()
        await gate.opened.wait()
        await catch_up(copies, key)

    monkeypatch.setattr(VersionCopies, "_catch_up", held)
    monkeypatch.setattr(version_copies, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(client_datasets, "COPY_SECONDS", 0.01)
    return gate


async def settled(world: World, version: VersionName = V2) -> DatasetVersion:
    """Return a version once it is not being copied any more, as a client follows it."""
    client = AsyncDatasets(lambda: world.ports, Caller(60.0, 0), NAME.workspace)
    try:
        return [each async for each in client.watch_copy(NAME.id, version.number)][-1]
    except NotFound:
        return await world.ports.datasets.get_version(version)


async def test_a_large_copy_is_answered_at_once_and_goes_on(world: World, gate: Gate) -> None:
    await filled(world)
    datasets = world.ports.datasets
    made = await datasets.create_version(NAME, VersionSpec("next"), source=1)
    assert (made.name, made.state, made.copy) == (V2, VersionState.COPYING, VersionCopy(1, 5))
    await gate.reached.wait()
    far = await datasets.get_version(V2)
    assert (far.file_count, far.copy) == (5, VersionCopy(1, 5))
    assert (await datasets.get_dataset(NAME)).latest.name == V1
    assert [each.state for each in (await datasets.list_versions(NAME, 0, "")).items] == [
        VersionState.COPYING,
        VersionState.DRAFT,
    ]
    assert (await datasets.create_version(NAME, VersionSpec())).name.number == 3
    gate.opened.set()
    done = await settled(world)
    assert (done.state, done.file_count, done.copy) == (VersionState.DRAFT, 5, None)
    assert told(await world.files(V2)) == told(await world.files(V1, FileSelection()))
    assert (await datasets.get_dataset(NAME)).latest.name.number == 3


async def test_a_version_that_is_being_copied_cannot_be_read_or_changed(world: World, gate: Gate) -> None:
    await filled(world)
    datasets, files = world.ports.datasets, world.ports.files
    file = (await world.files(V1))[0].name.id
    await datasets.create_version(NAME, VersionSpec(), source=1)
    for call in (
        files.list_files(V2, 0, ""),
        files.list_file_ids(V2, 0, ""),
        files.statistics(V2),
        files.get_file(FileName(V2, file)),
        files.edit_tags(TagEdit(V2, FileSelection(filter='FileName = "a.txt"'), add=("x",))),
        world.ports.searches.search(FileSearchRequest(V2)),
        world.ports.jobs.create_job(JobSpec(V2, ImportWork())),
        world.ports.jobs.create_job(JobSpec(V2, IndexWork()), dry_run=True),
        world.ports.file_batches.delete_files(V2, [file]),
        datasets.publish_version(V2),
        datasets.compare_versions(V1, V2, 0, ""),
        datasets.create_version(NAME, VersionSpec(), source=2),
    ):
        with pytest.raises(FailedPrecondition) as caught:
            await call
        assert (caught.value.reason, caught.value.metadata["state"]) == (Reason.VERSION_UNFINISHED, "copying")
    assert "of 5 files" in caught.value.message
    changed = await datasets.update_version(VersionUpdate(V2, VersionSpec("soon"), (VersionField.DESCRIPTION,)))
    assert changed.spec.description == "soon"
    with pytest.raises(FailedPrecondition) as caught:
        await datasets.delete_version(V1)  # The only one that is whole.
    assert caught.value.reason is Reason.RESOURCE_IN_USE
    gate.opened.set()
    assert (await settled(world)).spec.description == "soon"


async def test_a_version_whose_copy_is_not_wanted_any_more_is_deleted(world: World, gate: Gate) -> None:
    await filled(world)
    await world.ports.datasets.create_version(NAME, VersionSpec(), source=1)
    await gate.reached.wait()
    await world.ports.datasets.delete_version(V2)
    gate.opened.set()
    with pytest.raises(NotFound):
        await world.ports.datasets.get_version(V2)
    assert (await world.ports.datasets.create_version(NAME, VersionSpec())).name == V2


async def test_a_copy_that_fails_says_why_and_can_only_be_deleted(world: World, gate: Gate) -> None:
    await filled(world)
    datasets = world.ports.datasets
    await datasets.create_version(NAME, VersionSpec(), source=1)
    await datasets.create_version(NAME, VersionSpec())
    await gate.reached.wait()
    await datasets.delete_version(V1)
    gate.opened.set()
    failed = await settled(world)
    assert failed.copy
    assert isinstance(failed.copy.error, NotFound)
    assert failed.state is VersionState.FAILED
    assert "was deleted meanwhile" in failed.copy.error.message
    with pytest.raises(FailedPrecondition) as caught:
        await world.files(V2)
    assert caught.value.metadata["state"] == "failed"
    await datasets.delete_version(V2)
    assert [each.name.number for each in (await datasets.list_versions(NAME, 0, "")).items] == [3]


async def test_who_waits_for_a_copy_that_fails_is_told_and_finds_nothing_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(world)
    catch_up, key = VersionCopies._catch_up, str(uuid.uuid4())

    async def deleted(_self: VersionCopies, _key: int) -> None:
        raise NotFound("the source went away")

    monkeypatch.setattr(VersionCopies, "_catch_up", deleted)
    with pytest.raises(NotFound):
        await world.ports.datasets.create_version(NAME, VersionSpec(), source=1, request_id=key)
    assert [each.name for each in (await world.ports.datasets.list_versions(NAME, 0, "")).items] == [V1]
    monkeypatch.setattr(VersionCopies, "_catch_up", catch_up)
    again = await world.ports.datasets.create_version(NAME, VersionSpec(), source=1, request_id=key)
    assert (again.name, again.state) == (V2, VersionState.DRAFT)


async def test_a_copy_waits_for_room_and_goes_on_behind_what_it_has(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PIECE", 2)
    await filled(world)
    room, pieces, copy_piece = asyncio.Event(), list[int](), copying.copy_piece

    def full(sql: Any, version: int) -> bool:
        if pieces and not room.is_set():
            raise ResourceExhausted("the disk is full", reason=Reason.STORAGE_FULL)
        pieces.append(version)
        return copy_piece(sql, version)

    monkeypatch.setattr(copying, "copy_piece", full)
    key = str(uuid.uuid4())
    made = await world.ports.datasets.create_version(NAME, VersionSpec(), source=1, request_id=key)
    assert (made.state, made.file_count) == (VersionState.COPYING, 2)
    assert made.copy
    assert made.copy.error
    assert made.copy.error.reason is Reason.STORAGE_FULL
    room.set()
    # It is tried again every half minute; a repeat does not wait for that.
    again = await world.ports.datasets.create_version(NAME, VersionSpec(), source=1, request_id=key)
    assert (again.name, again.state, again.file_count) == (V2, VersionState.DRAFT, 5)
    assert len(pieces) == 4  # Of two rows each, the last of none.
