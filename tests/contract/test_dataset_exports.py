"""Exports do the same over gRPC as in this process: records, tags and files come out whole, and come in again."""

import asyncio
import errno
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from bucket_samples import bucket, s3_client, s3_connection
from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours, reached
from memory_mesh import MemoryMesh
from PIL import Image
from pyarrow import parquet

from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset.jobs import exporting
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import AlreadyExists, DataLoss, FailedPrecondition, InvalidArgument, NotFound, Reason
from sensorium.model.dataset import DatasetSpec, Edition
from sensorium.model.dataset_export import (
    ExportFormat,
    ExportMode,
    ExportWork,
    ImportExportWork,
    LogicalTarget,
    StorageTarget,
    TagGroup,
)
from sensorium.model.dataset_file import FileRecord, FileSelection, FileTags, TagEdit
from sensorium.model.dataset_job import (
    ImportWork,
    IndexWork,
    Job,
    JobFileState,
    JobPlan,
    JobSpec,
    JobState,
    TagWork,
    Work,
)
from sensorium.model.dataset_names import ConnectionName, DatasetName, FileName, VersionName
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import TagDefinitionSpec, TagSpec
from sensorium.settings import DatasetSettings
from sensorium.storage.moments import EPOCH

LETTERS = TagDefinitionName("default", "letters")
COPY = VersionName(DatasetName("default", "copy"), 1)
PICKED = VersionName(DatasetName("default", "picked"), 1)
READABLE = [each for each in ExportFormat if each is not ExportFormat.COCO]


@dataclass
class World:
    ports: DatasetPorts
    memory: MemoryMesh
    folder: Path
    out: Path

    async def run(self, work: Work, version: VersionName = V1) -> Job:
        job = await self.ports.jobs.create_job(JobSpec(version, work))
        return [each async for each in self.ports.jobs.watch_job(job.name)][-1]

    async def files(self, version: VersionName = V1) -> dict[str, FileRecord]:
        page = await self.ports.files.list_files(version, 1000, "")
        return {each.file_name: each for each in page.items}

    def target(self, form: ExportFormat, name: str = "one", *, with_files: bool = False) -> StorageTarget:
        return StorageTarget(str(self.out / name), form, with_files=with_files)

    def manifest(self, name: str = "one") -> dict[str, object]:
        found: dict[str, object] = json.loads((self.out / name / "manifest.json").read_text())
        return found


# Most of what a job does is the same wherever it was asked for.
over_grpc = pytest.mark.parametrize("world", ["remote"], indirect=True)


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    memory, folder, out = MemoryMesh(), tmp_path / "data", tmp_path / "out"
    folder.mkdir()
    settings = DatasetSettings(roots=(tmp_path,), export_roots=(out,), retry_seconds=(), max_logical_files=8)
    await memory.tagger.create_definition(LETTERS, TagDefinitionSpec((TagSpec("aaa"), TagSpec("bbb")), threshold=0.9))
    async with embedded_datasets(tmp_path / "state", settings, neighbours(memory), TaskRunner) as service:
        await service.datasets.create_dataset(NAME, in_folder(folder))
        await service.datasets.create_dataset(COPY.dataset, in_folder(folder))
        await service.datasets.create_dataset(PICKED.dataset, DatasetSpec(edition=Edition.LOGICAL))
        async with reached(service, memory, remote=hasattr(request, "param")) as ports:
            yield World(ports, memory, folder, out)


async def tagged(world: World) -> dict[str, FileRecord]:
    """Three texts with tags of taggers and people, one hidden, and an image."""
    for name in "abc":
        (world.folder / f"{name}.txt").write_text(name * 4)
    Image.new("RGB", (30, 20)).save(world.folder / "i.png")
    await world.run(ImportWork())
    await world.run(TagWork(LETTERS))
    for name, add, hide in (("a", ("mine",), ()), ("b", ("ours", "mine"), ("bbb",))):
        chosen = FileSelection(filter=f'FileName = "{name}.txt"')
        await world.ports.files.edit_tags(TagEdit(V1, chosen, add=add, hide=hide))
    return await world.files()


def told(files: dict[str, FileRecord]) -> dict[str, FileRecord]:
    """Return what an export keeps of records: all but names, and when the catalog wrote them."""
    same = {"create_time": EPOCH, "update_time": EPOCH, "name": FileName(V1, "f"), "tag_update_time": None}
    return {name: replace(each, **same, index_job="", index_time=None) for name, each in files.items()}  # type: ignore[arg-type]


# --- To storage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", READABLE)
async def test_what_is_exported_comes_in_again_as_it_was(world: World, form: ExportFormat) -> None:
    before = await tagged(world)
    done = await world.run(ExportWork(world.target(form)))
    assert (done.state, done.succeeded_count, done.total_count) == (JobState.SUCCEEDED, 4, 4)
    back = await world.run(ImportExportWork(world.target(form)), COPY)
    assert (back.state, back.succeeded_count, back.failed_count) == (JobState.SUCCEEDED, 4, 0)
    assert told(await world.files(COPY)) == told(before)
    again = await world.run(ImportExportWork(world.target(form)), COPY)
    assert (again.state, (await world.ports.datasets.get_version(COPY)).file_count) == (JobState.SUCCEEDED, 4)
    assert told(await world.files(COPY)) == told(before)


async def test_every_part_has_its_checksum_in_the_manifest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PART_RECORDS", 1)
    monkeypatch.setattr("sensorium.dataset.exports.reading.RecordsAlone.batch", 1)
    await tagged(world)
    job = await world.run(ExportWork(world.target(ExportFormat.JSONL), FileSelection(filter="NOT FileName = 'i.png'")))
    manifest = world.manifest()
    assert (manifest["job"], manifest["record_count"], manifest["version"]) == (job.name.id, 3, str(V1))
    parts = manifest["parts"]
    assert isinstance(parts, list)
    assert len(parts) == 3
    for part in parts:
        content = (world.out / "one" / part["path"]).read_bytes()
        assert (part["size_bytes"], part["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert not [*(world.out / "one").rglob(".*")]


@over_grpc
async def test_tag_groups_say_which_tags_go_along(world: World) -> None:
    await tagged(world)
    records = {}
    for group in TagGroup:
        name = group.value
        await world.run(ExportWork(world.target(ExportFormat.JSONL, name), tag_groups=(group,)))
        lines = (world.out / name / "data/part-00000.jsonl").read_text().splitlines()
        records[group] = {each["file_name"]: each for each in map(json.loads, lines)}
    people, taggers = records[TagGroup.USER], records[TagGroup.ALGORITHM]
    assert [people[f"{name}.txt"]["tags"] for name in "abc"] == [["mine"], ["mine", "ours"], []]
    assert [taggers[f"{name}.txt"]["tags"] for name in "abc"] == [["aaa"], [], []]
    assert taggers["b.txt"]["deleted_tags"] == ["bbb"]
    assert taggers["a.txt"]["algorithm_tags"][0]["definition"] == str(LETTERS)


@pytest.mark.parametrize("form", [ExportFormat.JSONL, ExportFormat.PARQUET])
async def test_files_are_copied_beside_their_records_with_checksums(world: World, form: ExportFormat) -> None:
    await tagged(world)
    await world.run(ExportWork(world.target(form, with_files=True)))
    place = world.out / "one"
    if form is ExportFormat.JSONL:
        rows = [json.loads(line) for line in (place / "data/part-00000.jsonl").read_text().splitlines()]
    else:
        rows = parquet.read_table(place / "data/part-00000.parquet").to_pylist()
    assert len(rows) == 4
    for row in rows:
        content = (place / row["file"]).read_bytes()
        assert (content, hashlib.sha256(content).hexdigest()) == (
            (world.folder / row["file_name"]).read_bytes(),
            row["sha256"],
        )


async def test_formats_of_training_hold_the_files_themselves(world: World) -> None:
    await tagged(world)
    await world.run(ExportWork(world.target(ExportFormat.WEBDATASET, "web", with_files=True)))
    with tarfile.open(world.out / "web/shard-00000.tar") as tar:
        names = tar.getnames()
        assert sorted(name.split(".")[1] for name in names) == ["json"] * 4 + ["png"] + ["txt"] * 3
        picture = tar.extractfile(next(name for name in names if name.endswith("png")))
        assert picture
        assert picture.read() == (world.folder / "i.png").read_bytes()
    await world.run(ExportWork(world.target(ExportFormat.HUGGING_FACE, "hf", with_files=True)))
    rows = {row["file_name"]: row for row in parquet.read_table(world.out / "hf/data/train-00000.parquet").to_pylist()}
    assert Image.open(io.BytesIO(rows["i.png"]["image"]["bytes"])).size == (30, 20)
    assert (rows["a.txt"]["text"], rows["a.txt"]["image"]) == ("aaaa", None)
    assert "data/*.parquet" in (world.out / "hf/README.md").read_text()


async def test_coco_names_tags_as_categories_of_whole_pictures(world: World) -> None:
    await tagged(world)
    chosen = FileSelection(filter='FileName = "i.png"')
    await world.ports.files.edit_tags(TagEdit(V1, chosen, add=("night",)))
    await world.run(ExportWork(world.target(ExportFormat.COCO)))
    found = json.loads((world.out / "one/annotations/instances-00000.json").read_text())
    (image,), (category,), (annotation,) = found["images"], found["categories"], found["annotations"]
    assert (image["width"], image["height"], category["name"]) == (30, 20, "night")
    assert (annotation["image_id"], annotation["category_id"]) == (image["id"], category["id"])
    assert annotation["bbox"] == [0, 0, 30, 20]
    with pytest.raises(InvalidArgument):
        await world.run(ImportExportWork(world.target(ExportFormat.COCO)), COPY)


@pytest.mark.parametrize("form", [ExportFormat.JSONL, ExportFormat.WEBDATASET])
async def test_files_that_cannot_be_read_are_in_the_ledger_and_can_be_retried(world: World, form: ExportFormat) -> None:
    await tagged(world)
    (world.folder / "b.txt").rename(world.folder / "elsewhere")
    job = await world.run(ExportWork(world.target(form, with_files=True)))
    assert (job.state, job.succeeded_count, job.failed_count) == (JobState.PARTIAL_FAILED, 3, 1)
    failed = await world.ports.jobs.list_job_files(job.name, 0, "", [JobFileState.FAILED])
    assert [(Path(each.uri).name, each.error and each.error.reason) for each in failed.items] == [
        ("b.txt", Reason.RESOURCE_NOT_FOUND)
    ]
    (world.folder / "elsewhere").rename(world.folder / "b.txt")
    await world.ports.jobs.retry_job(job.name)
    job = [each async for each in world.ports.jobs.watch_job(job.name)][-1]
    assert (job.state, job.succeeded_count, job.failed_count) == (JobState.SUCCEEDED, 4, 0)
    assert world.manifest()["record_count"] == 4
    back = await world.run(ImportExportWork(world.target(form)), COPY)
    assert back.succeeded_count == 4


async def test_an_export_goes_where_it_may_and_over_no_other(world: World) -> None:
    await tagged(world)
    target = world.target(ExportFormat.JSONL)
    await world.run(ExportWork(target))
    assert isinstance((await world.run(ExportWork(target))).error, AlreadyExists)
    outside = await world.run(ExportWork(replace(target, uri=str(world.folder))))
    assert outside.error
    assert outside.error.reason is Reason.URI_REFUSED
    for wrong in (replace(target, uri=""), replace(target, uri="/a/../b")):
        with pytest.raises(InvalidArgument):
            await world.run(ExportWork(wrong))
    with pytest.raises(InvalidArgument):
        await world.run(ExportWork(replace(target, connection=ConnectionName("others", "disk"))))


async def test_a_published_version_can_be_exported(world: World) -> None:
    await tagged(world)
    await world.ports.datasets.publish_version(V1)
    assert (await world.run(ExportWork(world.target(ExportFormat.JSONL)))).succeeded_count == 4


async def test_an_export_goes_to_a_bucket_and_comes_back_from_there(world: World) -> None:
    await tagged(world)
    name = ConnectionName("default", "bucket")
    with bucket("exports") as endpoint:
        await world.ports.connections.create_connection(name, s3_connection(endpoint, "exports"))
        target = StorageTarget("some/where", ExportFormat.JSONL, name, with_files=True)
        assert (await world.run(ExportWork(target))).state is JobState.SUCCEEDED
        keys = [each["Key"] for each in s3_client(endpoint).list_objects_v2(Bucket="exports")["Contents"]]
        assert len(keys) == 6
        assert "some/where/manifest.json" in keys
        assert isinstance((await world.run(ExportWork(target))).error, AlreadyExists)
        assert (await world.run(ImportExportWork(target), COPY)).succeeded_count == 4


# --- Imports of exports ---------------------------------------------------------------------------------------------


async def test_damage_is_found_before_anything_comes_in(world: World) -> None:
    await tagged(world)
    target = world.target(ExportFormat.JSONL)
    nothing = await world.run(ImportExportWork(target), COPY)
    assert isinstance(nothing.error, NotFound)
    await world.run(ExportWork(target))
    other = await world.run(ImportExportWork(replace(target, format=ExportFormat.PARQUET)), COPY)
    assert isinstance(other.error, InvalidArgument)
    part = world.out / "one/data/part-00000.jsonl"
    part.write_text(part.read_text().replace("mine", "main"))
    assert isinstance((await world.run(ImportExportWork(target), COPY)).error, DataLoss)
    (world.out / "one/manifest.json").write_text("{}")
    assert isinstance((await world.run(ImportExportWork(target), COPY)).error, DataLoss)
    assert not await world.files(COPY)


async def test_records_that_cannot_be_are_in_the_ledger_by_their_place(world: World) -> None:
    await tagged(world)
    target = world.target(ExportFormat.JSONL)
    await world.run(ExportWork(target))
    part = world.out / "one/data/part-00000.jsonl"
    lines = part.read_text().splitlines()
    lines[1], lines[2] = "{", lines[2].replace('"size_bytes":4', '"size_bytes":-4')
    changed = "\n".join(lines)
    manifest = world.out / "one/manifest.json"
    before = hashlib.sha256(part.read_bytes()).hexdigest()
    part.write_text(changed)
    manifest.write_text(manifest.read_text().replace(before, hashlib.sha256(changed.encode()).hexdigest()))
    job = await world.run(ImportExportWork(target), COPY)
    assert (job.state, job.succeeded_count, job.failed_count) == (JobState.PARTIAL_FAILED, 2, 2)
    failed = await world.ports.jobs.list_job_files(job.name, 0, "", [JobFileState.FAILED])
    assert [each.uri for each in failed.items] == ["data/part-00000.jsonl#2", "data/part-00000.jsonl#3"]


@over_grpc
async def test_a_merge_joins_tags_and_an_overwrite_replaces_them(world: World) -> None:
    before = await tagged(world)
    target = world.target(ExportFormat.JSONL)
    await world.run(ExportWork(target))
    await world.run(ImportWork(), COPY)
    everything = FileSelection(filter="DataSize >= 0")
    await world.ports.files.edit_tags(TagEdit(COPY, everything, add=("theirs",)))
    await world.run(ImportExportWork(target), COPY)
    joined = await world.files(COPY)
    assert joined["b.txt"].tags.effective == ("mine", "ours", "theirs")
    assert joined["b.txt"].tags.user_deleted == ("bbb",)
    await world.run(ImportExportWork(target, ExportMode.OVERWRITE), COPY)
    assert told(await world.files(COPY)) == told(before)


# --- To logical versions --------------------------------------------------------------------------------------------


async def test_a_logical_version_gets_records_and_reads_their_files_where_they_lie(world: World) -> None:
    before = await tagged(world)
    chosen = FileSelection(filter='FileType = "text"')
    job = await world.run(ExportWork(LogicalTarget(PICKED.dataset), chosen))
    assert (job.state, job.succeeded_count, job.total_count) == (JobState.SUCCEEDED, 3, 3)
    found = await world.files(PICKED)
    assert told(found) == told({name: each for name, each in before.items() if name != "i.png"})
    tagging = await world.run(TagWork(LETTERS), PICKED)
    assert (tagging.state, tagging.succeeded_count) == (JobState.SUCCEEDED, 3)
    indexing = await world.run(IndexWork(), PICKED)
    assert (indexing.state, indexing.succeeded_count) == (JobState.SUCCEEDED, 3)
    onward = await world.run(ExportWork(world.target(ExportFormat.JSONL, with_files=True)), PICKED)
    assert (onward.state, onward.succeeded_count) == (JobState.SUCCEEDED, 3)
    scan = await world.run(ImportWork(), PICKED)
    assert scan.error
    assert scan.error.reason is Reason.STATE_UNFIT


@over_grpc
async def test_modes_and_tag_groups_hold_for_logical_versions_too(world: World) -> None:
    await tagged(world)
    await world.run(ExportWork(LogicalTarget(PICKED.dataset), tag_groups=(TagGroup.USER,)))
    everything = FileSelection(filter="DataSize >= 0")
    await world.ports.files.edit_tags(TagEdit(PICKED, everything, add=("kept",)))
    await world.run(ExportWork(LogicalTarget(PICKED.dataset), tag_groups=(TagGroup.ALGORITHM,)))
    assert (await world.files(PICKED))["a.txt"].tags.effective == ("aaa", "kept", "mine")
    await world.run(ExportWork(LogicalTarget(PICKED.dataset, mode=ExportMode.OVERWRITE), tag_groups=(TagGroup.USER,)))
    assert (await world.files(PICKED))["a.txt"].tags == FileTags(user=("mine",))


async def test_a_logical_export_needs_a_logical_draft_and_has_a_limit(world: World) -> None:
    await tagged(world)
    with pytest.raises(InvalidArgument):
        await world.run(ExportWork(LogicalTarget(COPY.dataset)))
    with pytest.raises(InvalidArgument):
        await world.run(ExportWork(LogicalTarget(NAME)))
    with pytest.raises(NotFound):
        await world.run(ExportWork(LogicalTarget(PICKED.dataset, 7)))
    for place in range(6):
        (world.folder / f"{place}.txt").write_text("more")
    await world.run(ImportWork())
    job = await world.run(ExportWork(LogicalTarget(PICKED.dataset)))
    assert job.error
    assert (job.error.reason, job.error.metadata["limit"]) == (Reason.TOO_MANY_ITEMS, "8")
    await world.ports.datasets.publish_version(PICKED)
    with pytest.raises(FailedPrecondition):
        await world.run(ExportWork(LogicalTarget(PICKED.dataset)))


async def test_an_export_rests_and_goes_on_behind_its_last_part(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PART_RECORDS", 1)
    monkeypatch.setattr("sensorium.dataset.exports.reading.RecordsAlone.batch", 1)
    await tagged(world)
    put, parts, going = exporting._put, [], asyncio.Event()

    async def slow(*args: object) -> object:
        parts.append(args[2])
        if len(parts) == 2:
            going.set()
            await asyncio.sleep(0.05)
        return await put(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "_put", slow)
    job = await world.ports.jobs.create_job(JobSpec(V1, ExportWork(world.target(ExportFormat.JSONL))))
    await going.wait()
    await world.ports.jobs.pause_job(job.name)
    rested = [each async for each in world.ports.jobs.watch_job(job.name)][-1]
    assert rested.state is JobState.PAUSED
    await world.ports.jobs.resume_job(job.name)
    ended = [each async for each in world.ports.jobs.watch_job(job.name)][-1]
    assert (ended.state, ended.succeeded_count, parts) == (JobState.SUCCEEDED, 4, [0, 1, 2, 3])


async def test_a_full_disk_lets_an_export_rest_until_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tagged(world)
    with monkeypatch.context() as patched:

        def full(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patched.setattr("sensorium.dataset.storages.local_sink.os.fsync", full)
        # The catalog's own commits do not go through Python's fsync.
        rested = await world.run(ExportWork(world.target(ExportFormat.JSONL)))
    assert rested.state is JobState.PAUSED
    assert rested.error
    assert rested.error.reason is Reason.STORAGE_FULL
    await world.ports.jobs.resume_job(rested.name)
    ended = [each async for each in world.ports.jobs.watch_job(rested.name)][-1]
    assert (ended.state, ended.succeeded_count) == (JobState.SUCCEEDED, 4)


async def test_a_bucket_that_does_not_answer_lets_an_export_rest(world: World) -> None:
    await tagged(world)
    name = ConnectionName("default", "away")
    await world.ports.connections.create_connection(name, s3_connection("http://127.0.0.1:1", "exports"))
    rested = await world.run(ExportWork(StorageTarget("some/where", ExportFormat.JSONL, name)))
    assert rested.state is JobState.PAUSED
    assert rested.error
    assert rested.error.reason is Reason.BACKEND_UNAVAILABLE


async def test_links_lead_no_export_out_of_its_folder(world: World) -> None:
    await tagged(world)
    (world.out / "one").mkdir(parents=True)
    (world.out / "one/data").symlink_to(world.folder)
    job = await world.run(ExportWork(world.target(ExportFormat.JSONL)))
    assert job.error
    assert job.error.reason is Reason.URI_REFUSED
    assert not [*world.folder.glob("*part*")]


# --- Dry runs -------------------------------------------------------------------------------------------------------


async def planned(world: World, work: Work, version: VersionName = V1) -> JobPlan:
    """Return what a job would change, once it is sure that asking changed nothing."""
    before, lying = await world.files(version), sorted(world.out.rglob("*"))
    job = await world.ports.jobs.create_job(JobSpec(version, work), dry_run=True)
    assert (await world.files(version), sorted(world.out.rglob("*"))) == (before, lying)
    assert job.plan
    assert job.plan.total_count == job.total_count
    return job.plan


async def test_a_dry_run_of_an_export_counts_its_files_and_goes_over_no_other(world: World) -> None:
    await tagged(world)
    target = world.target(ExportFormat.JSONL)
    chosen = FileSelection(filter='FileType = "text"')
    assert await planned(world, ExportWork(target, chosen)) == JobPlan(added_count=3)
    await world.run(ExportWork(target))
    with pytest.raises(AlreadyExists):
        await planned(world, ExportWork(target))
    outside = ExportWork(replace(target, uri=str(world.folder)))
    with pytest.raises(InvalidArgument):
        await planned(world, outside)


@over_grpc
async def test_a_dry_run_says_which_records_of_an_export_are_new_changed_or_the_same(world: World) -> None:
    await tagged(world)
    source = world.target(ExportFormat.JSONL)
    await world.run(ExportWork(source))
    new = await planned(world, ImportExportWork(source), COPY)
    assert new == JobPlan(added_count=4, added_tag_count=4)
    await world.run(ImportExportWork(source), COPY)
    for mode in ExportMode:
        assert await planned(world, ImportExportWork(source, mode), COPY) == JobPlan(unchanged_count=4)
    one, other = (FileSelection(filter=f'FileName = "{name}.txt"') for name in "ac")
    await world.ports.files.edit_tags(TagEdit(COPY, one, remove=("mine",)))
    await world.ports.files.edit_tags(TagEdit(COPY, other, add=("theirs",)))
    merged = await planned(world, ImportExportWork(source), COPY)
    assert merged == JobPlan(changed_count=1, unchanged_count=3, added_tag_count=1)
    replaced = await planned(world, ImportExportWork(source, ExportMode.OVERWRITE), COPY)
    assert replaced == JobPlan(changed_count=2, unchanged_count=2, added_tag_count=1, removed_tag_count=1)
    part = world.out / "one/data/part-00000.jsonl"
    damaged = part.read_text().replace('"content_type":"image/png"', '"content_type":7').encode()
    assert damaged != part.read_bytes()
    part.write_bytes(damaged)
    with pytest.raises(DataLoss):
        await planned(world, ImportExportWork(source), COPY)
    manifest = world.manifest()
    manifest["parts"][0]["sha256"] = hashlib.sha256(damaged).hexdigest()  # type: ignore[index]
    (world.out / "one/manifest.json").write_text(json.dumps(manifest))
    assert (await planned(world, ImportExportWork(source), COPY)).refused_count == 1
    with pytest.raises(NotFound):
        await planned(world, ImportExportWork(world.target(ExportFormat.JSONL, "nowhere")), COPY)


async def test_a_dry_run_of_filling_a_logical_version_compares_with_it(world: World) -> None:
    await tagged(world)
    into = LogicalTarget(PICKED.dataset)
    assert await planned(world, ExportWork(into)) == JobPlan(added_count=4, added_tag_count=4)
    assert await world.files(PICKED) == {}
    await world.run(ExportWork(into))
    assert await planned(world, ExportWork(into)) == JobPlan(unchanged_count=4)
    (world.folder / "a.txt").write_text("another text")
    await world.run(ImportWork())
    assert await planned(world, ExportWork(into)) == JobPlan(unchanged_count=4)
    replaced = ExportWork(replace(into, mode=ExportMode.OVERWRITE))
    assert await planned(world, replaced) == JobPlan(changed_count=1, unchanged_count=3)
    for name in range(8):
        (world.folder / f"{name}.txt").write_text("more")
    await world.run(ImportWork())
    with pytest.raises(InvalidArgument) as caught:
        await planned(world, ExportWork(into))
    assert caught.value.reason is Reason.TOO_MANY_ITEMS
    with pytest.raises(InvalidArgument):
        await planned(world, ExportWork(LogicalTarget(COPY.dataset)))
