"""A version that begins as a copy has the files and tags of its source, all at once or not at all."""

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

from sensorium.context import CallContext, opened
from sensorium.dataset import version_copying as copying
from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset.version_copies import VersionCopies
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import InvalidArgument, NotFound
from sensorium.model.dataset import VersionSpec, VersionState
from sensorium.model.dataset_file import FileRecord, FileSelection, FileStatistics, StatusFilter, TagEdit
from sensorium.model.dataset_job import ImportWork, IndexWork, Job, JobSpec, JobState, TagWork, Work
from sensorium.model.dataset_names import FileName, VersionName
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


@pytest.fixture(params=["local", "remote"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    memory, folder = MemoryMesh(), tmp_path / "data"
    folder.mkdir()
    await memory.tagger.create_definition(LETTERS, TagDefinitionSpec((TagSpec("aaa"), TagSpec("bbb")), threshold=0.9))
    settings = DatasetSettings(roots=(tmp_path,), retry_seconds=())
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

    async def changing(self: VersionCopies, source: int, staged: int, since: int) -> int:
        await world.edit("b.txt", "late")
        (world.folder / "a.txt").unlink()
        (world.folder / "c.txt").write_text("longer than before")
        (world.folder / "g.txt").write_text("new")
        await world.run(ImportWork())
        since = await catch_up(self, source, staged, since)
        await world.edit("d.txt", "last")
        return since

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

    async def late(copies: VersionCopies, *given: int) -> int:
        call.deadline = time.monotonic() - 1
        return await catch_up(copies, *given)

    monkeypatch.setattr(VersionCopies, "_catch_up", late)
    with opened(call):
        made = await world.ports.datasets.create_version(NAME, VersionSpec(), source=1)
    assert len(await world.files(made.name)) == 5


async def test_there_must_be_a_source(world: World) -> None:
    with pytest.raises(NotFound):
        await world.ports.datasets.create_version(NAME, VersionSpec(), source=7)


async def test_nobody_sees_a_copy_before_it_is_whole_and_a_failed_one_is_removed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PIECE", 2)
    await filled(world)
    seen: list[int] = []
    removed = asyncio.Event()
    remove_piece = copying.remove_piece

    async def deleted(_self: VersionCopies, source: int, staged: int, since: int) -> int:
        seen.append(len((await world.ports.datasets.list_versions(NAME, 0, "")).items))
        seen.append((await world.ports.datasets.get_dataset(NAME)).latest.name.number)
        raise NotFound("the source went away")

    def noting(sql: Any, staged: int) -> bool:
        more = remove_piece(sql, staged)
        if not more:
            loop.call_soon_threadsafe(removed.set)
        return more

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(VersionCopies, "_catch_up", deleted)
    monkeypatch.setattr(copying, "remove_piece", noting)
    with pytest.raises(NotFound):
        await world.ports.datasets.create_version(NAME, VersionSpec(), source=1)
    assert seen == [1, 1]
    await asyncio.wait_for(removed.wait(), 30)
    await world.ports.datasets.delete_dataset(NAME, force=True)


async def test_a_copy_that_others_took_for_dead_and_remove_is_never_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PIECE", 2)
    await filled(world)
    copy_rest = copying.copy_rest

    def removed(sql: Any, source: int, staged: int, since: int) -> None:
        copying.remove_piece(sql, staged)
        copy_rest(sql, source, staged, since)

    monkeypatch.setattr(copying, "copy_rest", removed)
    with pytest.raises(NotFound):
        await world.ports.datasets.create_version(NAME, VersionSpec(), source=1)
    assert len((await world.ports.datasets.list_versions(NAME, 0, "")).items) == 1
