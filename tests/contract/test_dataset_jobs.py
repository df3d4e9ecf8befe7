"""Jobs do the same over gRPC as here, and on PostgreSQL as on SQLite: import, tag, revert and index, once each."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours, reached
from memory_mesh import MemoryMesh
from PIL import Image
from pydantic import SecretStr

from sensorium import context
from sensorium.context import CallContext
from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset.jobs.indexing import collection_of
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import FailedPrecondition, InvalidArgument, NotFound, Reason, SensoriumError, Unavailable
from sensorium.model.dataset_file import (
    FileOrder,
    FileRecord,
    FileSelection,
    FileStatus,
    SortBy,
    StatusFilter,
    TagEdit,
    TagKind,
)
from sensorium.model.dataset_job import (
    ImportWork,
    IndexWork,
    Job,
    JobFileState,
    JobMode,
    JobPlan,
    JobSpec,
    JobState,
    ReconcileWork,
    RevertTagsWork,
    TagWork,
    Work,
)
from sensorium.model.dataset_names import JobName
from sensorium.model.document import DocumentView
from sensorium.model.names import TagDefinitionName
from sensorium.model.search import FacetRequest, TagFilter
from sensorium.model.tagging import DefinitionField, DefinitionUpdate, TagDefinitionSpec, TagSpec
from sensorium.settings import DatasetSettings

LETTERS = TagDefinitionName("default", "letters")
VERSION_OF_TWO = TagDefinitionSpec((TagSpec("aaa"), TagSpec("bbb")), threshold=0.9)


@dataclass
class World:
    ports: DatasetPorts
    memory: MemoryMesh
    folder: Path

    async def run(self, work: Work, mode: JobMode = JobMode.FULL) -> Job:
        job = await self.ports.jobs.create_job(JobSpec(V1, work, mode=mode))
        return await self.ended(job.name)

    async def ended(self, name: JobName) -> Job:
        seen = [job async for job in self.ports.jobs.watch_job(name)]
        return seen[-1]

    async def files(self, filter: str = "", status: StatusFilter = StatusFilter.ACTIVE) -> dict[str, FileRecord]:
        page = await self.ports.files.list_files(V1, 1000, "", FileSelection(filter=filter, status=status))
        return {f"{each.file_dir}/{each.file_name}".lstrip("/"): each for each in page.items}

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


def counts(job: Job) -> tuple[JobState, int, int, int]:
    return job.state, job.succeeded_count, job.failed_count, job.skipped_count


@pytest.fixture(params=["local", "remote", "postgres"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    memory, folder = MemoryMesh(), tmp_path / "data"
    folder.mkdir()
    url = request.getfixturevalue("postgres").database() if request.param == "postgres" else ""
    settings = DatasetSettings(database_url=SecretStr(url), roots=(tmp_path,), retry_seconds=())
    await memory.tagger.create_definition(LETTERS, VERSION_OF_TWO)
    async with embedded_datasets(tmp_path / "state", settings, neighbours(memory), TaskRunner) as service:
        await service.datasets.create_dataset(NAME, in_folder(folder))
        async with reached(service, memory, remote=request.param == "remote") as ports:
            yield World(ports, memory, folder)


# --- Import ---------------------------------------------------------------------------------------------------------


async def test_an_import_registers_what_files_say_of_themselves(world: World) -> None:
    world.write("sub/a b.txt", "words")
    Image.new("RGB", (30, 20)).save(world.folder / "i.png")
    job = await world.run(ImportWork())
    assert counts(job) == (JobState.SUCCEEDED, 2, 0, 0)
    found = await world.files()
    text, image = found["sub/a b.txt"], found["i.png"]
    assert (text.file_name, text.file_dir, text.file_type, text.content_type) == (
        "a b.txt",
        "sub",
        "text",
        "text/plain",
    )
    assert (text.size_bytes, text.status, text.width) == (5, FileStatus.ACTIVE, 0)
    assert (image.width, image.height, image.attributes) == (30, 20, {"format": "PNG", "mode": "RGB"})
    assert await world.ports.files.get_file(text.name) == text
    version = await world.ports.datasets.get_version(V1)
    assert (version.file_count, version.size_bytes) == (2, 5 + image.size_bytes)


async def test_an_import_again_takes_what_changed_alone(world: World) -> None:
    same, changed, gone = (world.write(f"{name}.txt", name) for name in ("same", "changed", "gone"))
    await world.run(ImportWork())
    before = await world.files()
    changed.write_text("otherwise")
    gone.unlink()
    world.write("new.txt", "new")
    assert counts(await world.run(ImportWork())) == (JobState.SUCCEEDED, 2, 0, 1)
    after = await world.files()
    assert sorted(after) == ["changed.txt", "new.txt", "same.txt"]
    assert after["same.txt"] == before["same.txt"]
    assert after["changed.txt"].name == before["changed.txt"].name
    assert after["changed.txt"].size_bytes == 9
    assert [*await world.files(status=StatusFilter.DELETED)] == ["gone.txt"]
    assert (await world.ports.datasets.get_version(V1)).file_count == 3
    gone.write_text("back")
    assert counts(await world.run(ImportWork())) == (JobState.SUCCEEDED, 1, 0, 3)
    assert same.exists()


async def test_bad_files_end_in_the_ledger_with_their_reason_and_can_be_retried(world: World) -> None:
    world.write("good.txt", "good")
    bad = world.write("bad.png", "no picture")
    empty = world.write("empty.txt", "")
    job = await world.run(ImportWork())
    assert counts(job) == (JobState.PARTIAL_FAILED, 1, 2, 0)
    ledger = await world.ports.jobs.list_job_files(job.name, 0, "", [JobFileState.FAILED])
    reasons = {Path(each.uri).name: each.error.reason for each in ledger.items if each.error}
    assert reasons == {"bad.png": Reason.MEDIA_UNDECODABLE, "empty.txt": Reason.CONTENT_EMPTY}
    Image.new("L", (3, 2)).save(bad)
    await world.ports.jobs.retry_job(job.name)
    assert counts(await world.ended(job.name)) == (JobState.PARTIAL_FAILED, 2, 1, 0)
    assert sorted(await world.files()) == ["bad.png", "good.txt"]
    empty.unlink()
    await world.ports.jobs.retry_job(job.name)
    await world.ended(job.name)
    left = await world.ports.jobs.list_job_files(job.name, 0, "")
    assert [each.error.reason for each in left.items if each.error] == [Reason.RESOURCE_NOT_FOUND]


async def test_an_import_takes_formats_or_patterns_below_a_prefix(world: World) -> None:
    for path in ("a.txt", "a.bin", "b/c.txt", "b/d.bin", "b/skip.txt"):
        world.write(path, path)
    assert counts(await world.run(ImportWork(prefix="b", exclude=("*skip*",))))[1] == 1
    assert counts(await world.run(ImportWork(include=("*.bin",))))[1] == 2
    assert sorted(await world.files()) == ["a.bin", "b/c.txt", "b/d.bin"]
    for prefix in ("../..", "b/../.."):
        with pytest.raises(InvalidArgument):
            await world.run(ImportWork(prefix=prefix))


async def test_a_prefix_that_is_not_there_fails_the_job(world: World) -> None:
    job = await world.run(ImportWork(prefix="nowhere"))
    assert job.state is JobState.FAILED
    assert isinstance(job.error, NotFound)
    assert any("ends: Failed" in line for line in job.logs)


# --- Tags -----------------------------------------------------------------------------------------------------------


async def tagged(world: World) -> Job:
    world.write("a.txt", "aaaa")
    world.write("b.txt", "bbbb")
    world.write("c.txt", "cccc")
    await world.run(ImportWork())
    return await world.run(TagWork(LETTERS))


async def test_a_tagging_job_gives_tags_with_evidence(world: World) -> None:
    job = await tagged(world)
    assert counts(job) == (JobState.SUCCEEDED, 3, 0, 0)
    found = await world.files()
    assert {path: each.tags.effective for path, each in found.items()} == {
        "a.txt": ("aaa",), "b.txt": ("bbb",), "c.txt": ()
    }  # fmt: skip
    (tag,) = found["a.txt"].tags.algorithm
    assert (tag.definition, tag.definition_version, tag.model, tag.job) == (LETTERS, 1, "letters", job.name.id)
    assert tag.tag.score > 0.9
    assert "cosine" in tag.tag.evidence.explanation
    assert found["a.txt"].tag_update_time


async def test_incremental_tagging_takes_what_changed_and_what_another_version_has_not_seen(world: World) -> None:
    await tagged(world)
    assert counts(await world.run(TagWork(LETTERS), JobMode.INCREMENTAL))[1] == 0
    world.write("a.txt", "bbbbb")
    await world.run(ImportWork())
    assert counts(await world.run(TagWork(LETTERS), JobMode.INCREMENTAL))[1] == 1
    assert (await world.files())["a.txt"].tags.effective == ("bbb",)
    await world.memory.tagger.update_definition(
        DefinitionUpdate(LETTERS, TagDefinitionSpec((TagSpec("ccc"),)), (DefinitionField.TAGS,))
    )
    assert counts(await world.run(TagWork(LETTERS), JobMode.INCREMENTAL))[1] == 3
    assert [*await world.files('Tags HAS "ccc"')] == ["c.txt"]


async def test_a_revert_takes_one_job_back_and_lets_the_one_before_count_again(world: World) -> None:
    first = await tagged(world)
    await world.memory.tagger.update_definition(
        DefinitionUpdate(LETTERS, TagDefinitionSpec((TagSpec("ccc"),)), (DefinitionField.TAGS,))
    )
    second = await world.run(TagWork(LETTERS))
    assert (await world.files())["a.txt"].tags.effective == ()
    assert counts(await world.run(RevertTagsWork(second.name))) == (JobState.SUCCEEDED, 3, 0, 0)
    assert (await world.files())["a.txt"].tags.effective == ("aaa",)
    assert counts(await world.run(RevertTagsWork(first.name)))[1] == 3
    assert (await world.files())["a.txt"].tags.algorithm == ()
    assert counts(await world.run(RevertTagsWork(first.name)))[1] == 0
    with pytest.raises(SensoriumError):
        await world.run(RevertTagsWork(JobName(NAME, "nowhere")))


async def test_people_add_tags_and_hide_those_of_algorithms(world: World) -> None:
    await tagged(world)
    chosen = FileSelection(filter='FileName = "a.txt" OR FileName = "c.txt"')
    edit = TagEdit(V1, chosen, add=("mine",), hide=("aaa",))
    done = await world.ports.files.edit_tags(edit)
    assert (done.matched_count, done.changed_count) == (2, 2)
    assert (await world.ports.files.edit_tags(edit)).changed_count == 0
    found = await world.files()
    assert found["a.txt"].tags.effective == ("mine",) == found["c.txt"].tags.effective
    assert found["a.txt"].tags.user_deleted == ("aaa",)
    assert found["c.txt"].tags.user_deleted == ()
    await world.run(TagWork(LETTERS))
    assert (await world.files())["a.txt"].tags.effective == ("mine",)
    by_name = FileSelection(ids=(found["a.txt"].name.id,))
    await world.ports.files.edit_tags(TagEdit(V1, by_name, remove=("mine",), restore=("aaa",)))
    assert (await world.files())["a.txt"].tags.effective == ("aaa",)
    history = await world.ports.files.list_tag_edits(found["a.txt"].name, 0, "")
    assert [(each.kind, each.added, each.removed) for each in history.items] == [
        (TagKind.USER_DELETED, (), ("aaa",)),
        (TagKind.USER, (), ("mine",)),
        (TagKind.USER_DELETED, ("aaa",), ()),
        (TagKind.USER, ("mine",), ()),
        (TagKind.ALGORITHM, ("aaa",), ()),
    ]
    assert history.items[-1].job


async def test_an_edit_says_which_files_and_which_tags(world: World) -> None:
    for edit in (
        TagEdit(V1, FileSelection(), add=("x",)),
        TagEdit(V1, FileSelection(filter='Tags HAS "x"')),
        TagEdit(V1, FileSelection(filter='Tags HAS "x"'), add=(" ",)),
        TagEdit(V1, FileSelection(filter='Tags HAS "x"'), add=("x" * 129,)),
        TagEdit(V1, FileSelection(filter='Tags HAS "x"'), add=tuple(map(str, range(257)))),
    ):
        with pytest.raises(InvalidArgument):
            await world.ports.files.edit_tags(edit)


async def test_a_published_version_never_changes(world: World) -> None:
    await tagged(world)
    await world.ports.datasets.publish_version(V1)
    for call in (
        world.run(ImportWork()),
        world.ports.files.edit_tags(TagEdit(V1, FileSelection(filter='Tags HAS "aaa"'), add=("x",))),
    ):
        with pytest.raises(FailedPrecondition) as caught:
            await call
        assert caught.value.reason is Reason.VERSION_PUBLISHED


# --- Lists and counts -----------------------------------------------------------------------------------------------


async def test_files_are_listed_by_page_in_an_order_and_by_filter(world: World) -> None:
    for place in range(5):
        os.utime(world.write(f"d{place % 2}/f{place}.txt", "x" * (place + 1)), (place, place))
    await world.run(ImportWork())
    files = world.ports.files
    for order, wanted in (
        (FileOrder(), ["f0", "f2", "f4", "f1", "f3"]),
        (FileOrder(SortBy.SIZE, descending=True), ["f4", "f3", "f2", "f1", "f0"]),
        (FileOrder(SortBy.FILE_UPDATE_TIME), ["f0", "f1", "f2", "f3", "f4"]),
        (FileOrder(SortBy.FILE_CREATE_TIME), ["f0", "f2", "f4", "f1", "f3"]),
    ):
        found, token = [], ""
        while True:
            page = await files.list_files(V1, 2, token, order=order)
            found += [each.file_name.removesuffix(".txt") for each in page.items]
            if not (token := page.next_page_token):
                break
        assert found == wanted
    assert len(await world.files('DataSize > 2 AND FileDir = "d0"')) == 2
    assert len(await world.files("FileUpdateTime < 1970-01-01T00:00:02Z")) == 2
    assert len(await world.files('FileName : "f3" OR NOT HAS TagUpdateTime')) == 5
    with pytest.raises(InvalidArgument) as caught:
        await world.files("Nonsense = 1")
    assert (caught.value.reason, caught.value.metadata["column"]) == (Reason.FILTER_INVALID, "1")
    with pytest.raises(InvalidArgument):
        await files.list_files(V1, 2, "damaged")


async def test_statistics_count_what_the_filter_leaves(world: World) -> None:
    await tagged(world)
    world.write("sub/d.txt", "aaaaa")
    await world.run(ImportWork())
    await world.run(TagWork(LETTERS), JobMode.INCREMENTAL)
    requests = [FacetRequest("filedir"), FacetRequest("tags.all", 1), FacetRequest("file_type")]
    found = await world.ports.files.statistics(V1, facets=requests)
    assert (found.file_count, found.size_bytes) == (4, 17)
    assert [(each.counts, each.value_count) for each in found.facets] == [
        ((("", 3), ("sub", 1)), 2), ((("aaa", 2),), 2), ((("text", 4),), 1)
    ]  # fmt: skip
    chosen = FileSelection(tags=TagFilter(any=("bbb", "zzz"), none=("aaa",)))
    found = await world.ports.files.statistics(V1, chosen, [FacetRequest("tags")])
    assert (found.file_count, found.facets[0].counts) == (1, (("bbb", 1),))
    for bad in (FacetRequest("nonsense"), FacetRequest("tags", -1)):
        with pytest.raises(InvalidArgument):
            await world.ports.files.statistics(V1, facets=[bad])


# --- Index ----------------------------------------------------------------------------------------------------------


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # The projector tells nobody.
            await asyncio.sleep(0.01)


async def settled(world: World, wanted: dict[str, tuple[str, ...]]) -> None:
    """Wait until the search documents have these tags."""

    def found() -> dict[str, tuple[str, ...]]:
        stored = world.memory.store.documents[collection_of(V1)]
        return {str(each.attributes["file_name"]): each.tags for each in stored.values()}

    await until(lambda: found() == wanted)


async def test_an_indexing_job_puts_files_into_search_and_changes_follow(world: World) -> None:
    await tagged(world)
    job = await world.run(IndexWork())
    assert counts(job) == (JobState.SUCCEEDED, 3, 0, 0)
    assert (await world.ports.datasets.get_version(V1)).collection == collection_of(V1)
    await settled(world, {"a.txt": ("aaa",), "b.txt": ("bbb",), "c.txt": ()})
    found = await world.files()
    assert found["a.txt"].index_job == job.name.id
    (document,) = await world.memory.store.get_documents(
        collection_of(V1), [found["a.txt"].name.id], DocumentView(embedding=True)
    )
    assert not isinstance(document, SensoriumError)
    assert (document.attributes["uri"], document.attributes["size_bytes"]) == (found["a.txt"].uri, 4)
    assert counts(await world.run(IndexWork(), JobMode.INCREMENTAL))[1] == 0
    await world.ports.files.edit_tags(TagEdit(V1, FileSelection(filter='FileName = "c.txt"'), add=("mine",)))
    (world.folder / "b.txt").unlink()
    await world.run(ImportWork())
    await settled(world, {"a.txt": ("aaa",), "c.txt": ("mine",)})


async def test_reconciling_makes_the_collection_agree_with_the_catalog(world: World) -> None:
    await tagged(world)
    await world.run(IndexWork())
    files, name, store = await world.files(), collection_of(V1), world.memory.store
    assert counts(await world.run(ReconcileWork())) == (JobState.SUCCEEDED, 0, 0, 3)
    kept = {each.name.id: path for path, each in files.items()}
    lost, other, same = sorted(kept, key=kept.__getitem__)
    orphan = replace(store.documents[name][same], id="orphan")
    store.documents[name] |= {"orphan": orphan, other: replace(store.documents[name][other], tags=("wrong",))}
    del store.documents[name][lost]
    job = await world.run(ReconcileWork())
    assert counts(job) == (JobState.SUCCEEDED, 2, 0, 1)
    assert any("1 documents without a file were removed, 3 are there" in line for line in job.logs)
    await settled(world, {"a.txt": ("aaa",), "b.txt": ("bbb",), "c.txt": ()})
    await world.memory.searcher.delete_collection(name, force=True)
    assert counts(await world.run(ReconcileWork())) == (JobState.SUCCEEDED, 3, 0, 0)
    await settled(world, {"a.txt": ("aaa",), "b.txt": ("bbb",), "c.txt": ()})


async def test_reconciling_waits_for_no_other_job_and_needs_no_index(world: World) -> None:
    await tagged(world)
    assert counts(await world.run(ReconcileWork())) == (JobState.SUCCEEDED, 0, 0, 0)
    released = asyncio.Event()
    tag = world.memory.tagger.tag

    async def held(request):  # type: ignore[no-untyped-def]
        await released.wait()
        return await tag(request)

    world.memory.tagger.tag = held  # type: ignore[method-assign]
    working = await world.ports.jobs.create_job(JobSpec(V1, TagWork(LETTERS)))
    refused = await world.run(ReconcileWork())
    assert refused.error
    assert refused.error.reason is Reason.RESOURCE_IN_USE
    released.set()
    await world.ended(working.name)


async def test_a_file_that_comes_back_is_embedded_again(world: World) -> None:
    await tagged(world)
    await world.run(IndexWork())
    hidden = world.folder.parent / "b.txt"
    (world.folder / "b.txt").rename(hidden)
    await world.run(ImportWork())
    await settled(world, {"a.txt": ("aaa",), "c.txt": ()})
    hidden.rename(world.folder / "b.txt")
    await world.run(ImportWork())
    assert counts(await world.run(IndexWork(), JobMode.INCREMENTAL))[1] == 1
    await settled(world, {"a.txt": ("aaa",), "b.txt": ("bbb",), "c.txt": ()})


async def test_a_deleted_version_takes_its_vectors_along(world: World) -> None:
    await tagged(world)
    await world.run(IndexWork())
    await world.ports.datasets.delete_dataset(NAME, force=True)
    await until(lambda: collection_of(V1) not in world.memory.store.collections)


async def test_what_is_refused_to_be_deleted_keeps_its_vectors(world: World) -> None:
    await tagged(world)
    await world.run(IndexWork())
    with pytest.raises(FailedPrecondition, match="by force"):
        await world.ports.datasets.delete_dataset(NAME, force=False)
    with pytest.raises(FailedPrecondition, match="only version"):
        await world.ports.datasets.delete_version(V1)
    await world.ports.files.edit_tags(TagEdit(V1, FileSelection(filter='FileName = "c.txt"'), add=("late",)))
    await settled(world, {"a.txt": ("aaa",), "b.txt": ("bbb",), "c.txt": ("late",)})


# --- Life -----------------------------------------------------------------------------------------------------------


async def test_a_job_works_for_the_key_of_whoever_created_it(world: World) -> None:
    await tagged(world)
    tag, seen = world.memory.tagger.tag, list[str]()

    async def noting(request):  # type: ignore[no-untyped-def]
        seen.append(context.key_id())
        if len(seen) == 1:
            raise FailedPrecondition("not yet")
        return await tag(request)

    world.memory.tagger.tag = noting  # type: ignore[method-assign]
    with context.opened(CallContext(key_id="k1")):
        job = await world.ports.jobs.create_job(JobSpec(V1, TagWork(LETTERS)))
    assert (await world.ended(job.name)).state is JobState.FAILED
    with context.opened(CallContext(key_id="k2")):
        await world.run(TagWork(LETTERS))
    await world.run(TagWork(LETTERS))
    assert seen == ["k1", "k2", ""]


async def test_a_job_is_cancelled_paused_resumed_and_deleted(world: World) -> None:
    await tagged(world)
    released = asyncio.Event()
    tag = world.memory.tagger.tag

    async def held(request):  # type: ignore[no-untyped-def]
        await released.wait()
        return await tag(request)

    world.memory.tagger.tag = held  # type: ignore[method-assign]
    jobs = world.ports.jobs
    job = await jobs.create_job(JobSpec(V1, TagWork(LETTERS), "first", concurrency=1))
    with pytest.raises(FailedPrecondition):
        await world.ports.datasets.publish_version(V1)
    with pytest.raises(FailedPrecondition):
        await jobs.delete_job(job.name)
    await jobs.pause_job(job.name)
    released.set()
    paused = await world.ended(job.name)
    assert paused.state is JobState.PAUSED
    with pytest.raises(FailedPrecondition):
        await jobs.pause_job(job.name)
    await jobs.resume_job(job.name)
    assert counts(await world.ended(job.name)) == (JobState.SUCCEEDED, 3, 0, 0)
    released.clear()
    second = await jobs.create_job(JobSpec(V1, TagWork(LETTERS)))
    await jobs.cancel_job(second.name)
    released.set()
    assert (await world.ended(second.name)).state is JobState.MANUALLY_STOPPED
    for call in (jobs.cancel_job(second.name), jobs.resume_job(second.name), jobs.retry_job(job.name)):
        with pytest.raises(FailedPrecondition) as caught:
            await call
        assert caught.value.reason is Reason.STATE_UNFIT
    changed = await jobs.update_job(job.name, description="new", concurrency=None)
    assert (changed.spec.description, changed.spec.concurrency) == ("new", 1)
    listed = await jobs.list_jobs(NAME, 2, "", [JobState.SUCCEEDED])
    assert [each.name for each in listed.items][:1] == [job.name]
    await jobs.delete_job(second.name)
    with pytest.raises(NotFound):
        await jobs.get_job(second.name)


async def test_a_job_outlives_the_deadline_of_the_call_that_started_it(world: World) -> None:
    await tagged(world)
    released = asyncio.Event()
    tag = world.memory.tagger.tag

    async def held(request):  # type: ignore[no-untyped-def]
        await released.wait()
        return await tag(request)

    world.memory.tagger.tag = held  # type: ignore[method-assign]
    with context.opened(CallContext(deadline=time.monotonic() + 3600)) as call:
        job = await world.ports.jobs.create_job(JobSpec(V1, TagWork(LETTERS)))
        call.deadline = time.monotonic() - 1
    released.set()
    assert counts(await world.ended(job.name)) == (JobState.SUCCEEDED, 3, 0, 0)


async def test_a_dry_run_of_an_import_lists_what_it_would_register(world: World) -> None:
    for name in ("a.txt", "b.txt", "sub/c.txt", "sub/d.other"):
        world.write(name, "abc")

    async def counted(work: ImportWork) -> tuple[int, int]:
        job = await world.ports.jobs.create_job(JobSpec(V1, work), dry_run=True)
        return job.total_count, job.skipped_count

    assert await counted(ImportWork()) == (3, 0)
    assert await counted(ImportWork("sub")) == (1, 0)
    assert await counted(ImportWork(include=("*.other",))) == (1, 0)
    await world.run(ImportWork())
    world.write("b.txt", "changed")
    assert await counted(ImportWork()) == (3, 2)
    assert (await world.ports.jobs.list_jobs(NAME, 10, "")).items[1:] == ()


async def planned(world: World, work: Work, mode: JobMode = JobMode.FULL) -> JobPlan:
    """Return what a job would change, once it is sure that asking changed nothing."""
    before, jobs = await world.files(status=StatusFilter.ALL), await world.ports.jobs.list_jobs(NAME, 0, "")
    job = await world.ports.jobs.create_job(JobSpec(V1, work, mode=mode), dry_run=True)
    assert await world.files(status=StatusFilter.ALL) == before
    assert await world.ports.jobs.list_jobs(NAME, 0, "") == jobs
    assert job.plan
    return job.plan


async def test_a_dry_run_of_an_import_says_what_is_new_changed_and_gone(world: World) -> None:
    for name in ("same", "changed", "gone", "sub/gone"):
        world.write(f"{name}.txt", name)
    assert await planned(world, ImportWork()) == JobPlan(added_count=4)
    await world.run(ImportWork())
    world.write("changed.txt", "otherwise")
    world.write("new.txt", "new")
    world.write("empty.txt", "")
    (world.folder / "gone.txt").unlink()
    (world.folder / "sub/gone.txt").unlink()
    assert await planned(world, ImportWork()) == JobPlan(1, 1, removed_count=2, unchanged_count=1, refused_count=1)
    assert await planned(world, ImportWork(exclude=("sub/*",))) == JobPlan(
        1, 1, removed_count=1, unchanged_count=1, refused_count=1
    )
    assert (await planned(world, ImportWork("sub"))).removed_count == 1
    assert (await planned(world, ImportWork(keep_vanished=True))).removed_count == 0


async def test_a_dry_run_of_tagging_and_indexing_tells_what_is_done_again(world: World) -> None:
    await tagged(world)
    world.write("d.txt", "dddd")
    await world.run(ImportWork())
    assert await planned(world, TagWork(LETTERS)) == JobPlan(1, 3)
    assert await planned(world, TagWork(LETTERS), JobMode.INCREMENTAL) == JobPlan(1, unchanged_count=3)
    assert await planned(world, IndexWork()) == JobPlan(4)
    assert (await world.ports.datasets.get_version(V1)).collection is None
    await world.run(IndexWork())
    world.write("d.txt", "otherwise")
    await world.run(ImportWork())
    assert await planned(world, IndexWork(), JobMode.INCREMENTAL) == JobPlan(0, 1, unchanged_count=3)
    for refused in (TagWork(TagDefinitionName("default", "nowhere")), IndexWork("nowhere")):
        with pytest.raises(SensoriumError):
            await planned(world, refused)


async def test_a_dry_run_of_a_revert_counts_the_tags_that_would_change(world: World) -> None:
    first = await tagged(world)
    await world.memory.tagger.update_definition(
        DefinitionUpdate(LETTERS, TagDefinitionSpec((TagSpec("ccc"),)), (DefinitionField.TAGS,))
    )
    second = await world.run(TagWork(LETTERS))
    assert await planned(world, RevertTagsWork(first.name)) == JobPlan(unchanged_count=3)
    foreseen = await planned(world, RevertTagsWork(second.name))
    assert foreseen == JobPlan(changed_count=3, added_tag_count=2, removed_tag_count=1)
    before = {path: each.tags.effective for path, each in (await world.files()).items()}
    await world.run(RevertTagsWork(second.name))
    after = {path: each.tags.effective for path, each in (await world.files()).items()}
    assert sum(len({*after[path]} - {*before[path]}) for path in after) == foreseen.added_tag_count
    assert sum(len({*before[path]} - {*after[path]}) for path in after) == foreseen.removed_tag_count
    with pytest.raises(NotFound):
        await planned(world, RevertTagsWork(JobName(NAME, "nowhere")))


async def test_a_dry_run_of_reconciling_finds_orphans_and_what_is_missing(world: World) -> None:
    await tagged(world)
    assert await planned(world, ReconcileWork()) == JobPlan()
    await world.run(IndexWork())
    name, store = collection_of(V1), world.memory.store
    assert await planned(world, ReconcileWork()) == JobPlan(unchanged_count=3)
    lost, other, same = sorted(store.documents[name])
    orphans = {each: replace(store.documents[name][same], id=each) for each in ("one", "two")}
    store.documents[name] |= {**orphans, other: replace(store.documents[name][other], tags=("wrong",))}
    del store.documents[name][lost]
    documents = dict(store.documents[name])
    assert await planned(world, ReconcileWork()) == JobPlan(1, 1, removed_count=2, unchanged_count=1)
    assert store.documents[name] == documents
    await world.memory.searcher.delete_collection(name, force=True)
    assert await planned(world, ReconcileWork()) == JobPlan(3)


async def test_a_dry_run_estimates_and_starts_nothing(world: World) -> None:
    await tagged(world)
    whole = await world.ports.jobs.create_job(JobSpec(V1, TagWork(LETTERS)), dry_run=True)
    assert (whole.total_count, whole.state) == (3, JobState.PENDING)
    assert whole.remaining_ms is not None
    none = await world.ports.jobs.create_job(JobSpec(V1, TagWork(LETTERS), mode=JobMode.INCREMENTAL), dry_run=True)
    assert none.total_count == 0
    assert len((await world.ports.jobs.list_jobs(NAME, 0, "")).items) == 2


async def test_one_bad_file_does_not_stop_a_job(world: World) -> None:
    await tagged(world)
    (world.folder / "a.txt").write_bytes(b"\xff\xfe")
    (world.folder / "b.txt").unlink()
    job = await world.run(TagWork(LETTERS))
    assert counts(job) == (JobState.PARTIAL_FAILED, 1, 2, 0)
    ledger = await world.ports.jobs.list_job_files(job.name, 0, "", [JobFileState.FAILED])
    assert [each.error.reason for each in ledger.items if each.error] == [
        Reason.MEDIA_UNDECODABLE,
        Reason.RESOURCE_NOT_FOUND,
    ]


async def test_work_that_cannot_be_is_refused(world: World) -> None:
    spec = JobSpec(V1, ImportWork())
    for bad in (
        replace(spec, concurrency=65),
        replace(spec, mode=JobMode.INCREMENTAL),
        replace(spec, description="x" * 2049),
        replace(spec, work=ImportWork(include=("x",) * 65)),
        replace(spec, work=TagWork(TagDefinitionName("acme", "letters"))),
        replace(spec, work=TagWork(LETTERS, -1)),
        replace(spec, work=IndexWork(selection=FileSelection(filter="("))),
    ):
        with pytest.raises(InvalidArgument):
            await world.ports.jobs.create_job(bad)
    for missing in (TagWork(TagDefinitionName("default", "none")), IndexWork("none")):
        with pytest.raises(NotFound):
            await world.ports.jobs.create_job(replace(spec, work=missing))


async def test_a_service_that_is_away_lets_the_job_rest(world: World) -> None:
    await tagged(world)

    async def away(request):  # type: ignore[no-untyped-def]
        raise Unavailable("the tag service is away")

    tag, world.memory.tagger.tag = world.memory.tagger.tag, away  # type: ignore[method-assign]
    job = await world.run(TagWork(LETTERS))
    assert job.state is JobState.PAUSED
    assert isinstance(job.error, Unavailable)
    world.memory.tagger.tag = tag  # type: ignore[method-assign]
    await world.ports.jobs.resume_job(job.name)
    assert counts(await world.ended(job.name)) == (JobState.SUCCEEDED, 3, 0, 0)
