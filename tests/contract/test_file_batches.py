"""File records are brought, changed and deleted by calls, each with an outcome of its own, here and over gRPC."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours, reached
from memory_mesh import MemoryMesh

from sensorium.dataset import file_service
from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.model.dataset import DatasetSpec, Edition
from sensorium.model.dataset_file import EVERY_FILE, FileRecord, FileSelection, FileStatus, StatusFilter, TagEdit
from sensorium.model.dataset_job import ImportWork, IndexWork, JobSpec
from sensorium.model.dataset_names import DatasetName, VersionName, file_id_of
from sensorium.model.file_batch import FileChange, FileField, FileOutcome, FileSpec
from sensorium.model.search import FacetRequest
from sensorium.settings import DatasetSettings

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
LOGICAL = VersionName(DatasetName("default", "picked"), 1)


@dataclass
class World:
    ports: DatasetPorts
    folder: Path

    def spec(self, path: str = "a.txt") -> FileSpec:
        return FileSpec(
            f"file://{self.folder}/{path}", "text/plain", "md5:1", WHEN, size_bytes=5, width=3, height=4, duration_ms=6,
            attributes={"format": "plain", "lens": 1.5, "raw": True, "words": ("a", "B c")}, comment="by hand",
        )  # fmt: skip

    async def create(self, *specs: FileSpec, request_id: str = "") -> list[FileOutcome]:
        return await self.ports.file_batches.create_files(V1, specs, request_id=request_id)

    async def made(self, *paths: str) -> list[FileRecord]:
        return records(await self.create(*map(self.spec, paths)))

    async def count(self) -> tuple[int, int]:
        version = await self.ports.datasets.get_version(V1)
        return version.file_count, version.size_bytes


def records(outcomes: Sequence[FileOutcome]) -> list[FileRecord]:
    assert all(isinstance(each, FileRecord) for each in outcomes), outcomes
    return [each for each in outcomes if isinstance(each, FileRecord)]


def told(outcome: FileOutcome) -> tuple[type, Reason, str]:
    assert isinstance(outcome, SensoriumError)
    return type(outcome), outcome.reason, outcome.field


@pytest.fixture(params=["local", "remote"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    memory, folder = MemoryMesh(), tmp_path / "data"
    folder.mkdir()
    settings = DatasetSettings(roots=(tmp_path,), retry_seconds=(), max_uri_chars=200, max_description_chars=20)
    async with embedded_datasets(tmp_path / "state", settings, neighbours(memory), TaskRunner) as service:
        await service.datasets.create_dataset(NAME, in_folder(folder))
        await service.datasets.create_dataset(LOGICAL.dataset, DatasetSpec(edition=Edition.LOGICAL))
        async with reached(service, memory, remote=request.param == "remote") as ports:
            yield World(ports, folder)


async def refused(call: Awaitable[object]) -> tuple[type, Reason, str]:
    with pytest.raises(SensoriumError) as caught:
        await call
    return told(caught.value)


async def test_a_record_comes_back_as_it_was_brought(world: World) -> None:
    spec = replace(world.spec("some/day/a%20b.txt"), file_create_time=WHEN)
    [made] = records(await world.create(spec))
    assert (made.name.id, made.uri, made.file_name, made.file_dir) == (
        file_id_of(spec.uri), spec.uri, "a b.txt", "some/day",
    )  # fmt: skip
    for field in ("content_type", "fingerprint", "size_bytes", "width", "height", "duration_ms", "attributes"):
        assert getattr(made, field) == getattr(spec, field)
    assert (made.file_type, made.comment, made.status) == ("text", "by hand", FileStatus.ACTIVE)
    assert made.file_update_time == made.file_create_time == WHEN
    assert made == await world.ports.files.get_file(made.name)
    assert await world.count() == (1, 5)
    found = await world.ports.files.list_files(V1, 0, "", FileSelection(filter='file_dir : "day" AND width = 3'))
    assert found.items == (made,)


async def test_a_bad_item_spoils_no_other(world: World) -> None:
    good, bad = world.spec("a.txt"), world.spec("b.txt")
    broken = [
        (replace(bad, uri=""), Reason.URI_REFUSED, "uri"),
        (replace(bad, uri="file:///etc/passwd"), Reason.URI_REFUSED, "uri"),
        (replace(bad, uri=f"file://{world.folder}/../x.txt"), Reason.FIELD_INVALID, "uri"),
        (replace(bad, uri=f"file://{world.folder}/a b.txt"), Reason.FIELD_INVALID, "uri"),
        (replace(bad, uri=f"file://{world.folder}/" + "x" * 200), Reason.FIELD_INVALID, "uri"),
        (replace(bad, content_type="text"), Reason.FIELD_INVALID, "content_type"),
        (replace(bad, fingerprint=""), Reason.FIELD_INVALID, "fingerprint"),
        (replace(bad, file_update_time=None), Reason.FIELD_INVALID, "file_update_time"),
        (replace(bad, size_bytes=-1), Reason.FIELD_INVALID, "size_bytes"),
        (replace(bad, width=-1), Reason.FIELD_INVALID, "width"),
        (replace(bad, comment="x" * 21), Reason.FIELD_INVALID, "comment"),
        (replace(bad, attributes={"when": WHEN}), Reason.FIELD_INVALID, "attributes['when']"),
        (replace(bad, attributes={"list": ("a\0",)}), Reason.FIELD_INVALID, "attributes['list']"),
        (replace(bad, attributes={"list": ("a",) * 257}), Reason.TOO_MANY_ITEMS, "attributes['list']"),
        (replace(bad, attributes={"long": "x" * 70_000}), Reason.FIELD_INVALID, "attributes"),
    ]
    outcomes = await world.create(good, *(spec for spec, _, _ in broken))
    assert records(outcomes[:1])[0].file_name == "a.txt"
    for place, ((_, reason, field), outcome) in enumerate(zip(broken, outcomes[1:], strict=True), 1):
        assert told(outcome) == (InvalidArgument, reason, f"files[{place}].{field}")
    assert await world.count() == (1, 5)


async def test_a_uri_is_taken_once_until_its_record_is_deleted(world: World) -> None:
    outcomes = await world.create(world.spec(), world.spec())
    assert told(outcomes[1]) == (AlreadyExists, Reason.RESOURCE_EXISTS, "files[1].uri")
    assert told((await world.create(world.spec()))[0])[0] is AlreadyExists
    [made] = records(outcomes[:1])
    await world.ports.file_batches.delete_files(V1, [made.name.id])
    [again] = records(await world.create(replace(world.spec(), size_bytes=9)))
    assert (again.name, again.status, again.size_bytes, await world.count()) == (
        made.name, FileStatus.ACTIVE, 9, (1, 9),
    )  # fmt: skip


async def test_a_mask_says_what_changes(world: World) -> None:
    [made] = await world.made("a.txt")
    change = FileChange(made.name.id, FileSpec(content_type="audio/x-wav", size_bytes=50, comment="changed"))
    [changed] = records(await world.ports.file_batches.update_files(V1, [change], (FileField.COMMENT,)))
    assert changed == replace(made, comment="changed", update_time=changed.update_time)
    [changed] = records(await world.ports.file_batches.update_files(V1, [change]))
    assert (changed.file_type, changed.size_bytes, changed.fingerprint) == ("audio", 50, made.fingerprint)
    assert await world.count() == (1, 50)
    cleared = FileChange(made.name.id, FileSpec())
    fields = (FileField.ATTRIBUTES, FileField.COMMENT, FileField.SIZE)
    [changed] = records(await world.ports.file_batches.update_files(V1, [cleared], fields))
    assert (changed.attributes, changed.comment, await world.count()) == ({}, "", (1, 0))
    counted = await world.ports.files.statistics(
        V1, FileSelection(filter="size_bytes = 0"), [FacetRequest("file_type")]
    )
    assert counted.facets[0].counts == (("audio", 1),)


async def test_wrong_changes_stand_in_their_places(world: World) -> None:
    [made, other] = await world.made("a.txt", "b.txt")
    changes = [
        FileChange(made.name.id, FileSpec(comment="first")),
        FileChange(made.name.id, FileSpec(comment="again")),
        FileChange("f" + "0" * 32, FileSpec(comment="nobody")),
        FileChange(other.name.id, FileSpec()),
    ]
    outcomes = await world.ports.file_batches.update_files(V1, changes)
    assert records(outcomes[:1])[0].comment == "first"
    assert [told(each) for each in outcomes[1:]] == [
        (InvalidArgument, Reason.FIELD_INVALID, "files[1].name"),
        (NotFound, Reason.RESOURCE_NOT_FOUND, ""),
        (InvalidArgument, Reason.FIELD_INVALID, "files[3]"),
    ]
    [outcome] = await world.ports.file_batches.update_files(
        V1, [FileChange(other.name.id, FileSpec(comment="x"))], (FileField.FINGERPRINT,)
    )
    assert told(outcome) == (InvalidArgument, Reason.FIELD_INVALID, "files[0].fingerprint")


async def test_deleted_records_stay_and_are_told_from_unknown_ones(world: World) -> None:
    [made, other] = await world.made("a.txt", "b.txt")
    outcomes = await world.ports.file_batches.delete_files(V1, [made.name.id, "f" + "0" * 32, made.name.id])
    assert [each.status for each in records([outcomes[0], outcomes[2]])] == [FileStatus.DELETED] * 2
    assert told(outcomes[1])[0] is NotFound
    assert [each.name for each in (await world.ports.files.list_files(V1, 0, "")).items] == [other.name]
    every = FileSelection(status=StatusFilter.ALL)
    assert (await world.ports.files.statistics(V1, every)).file_count == 2
    assert await world.count() == (1, 5)


async def test_a_repeat_with_its_request_id_changes_nothing(world: World) -> None:
    key, batches = str(uuid.uuid4()), world.ports.file_batches
    first = await world.create(world.spec(), world.spec(), request_id=key)
    again = await world.create(world.spec(), world.spec(), request_id=key)
    assert again[0] == first[0]
    assert told(again[1]) == told(first[1])
    assert await refused(world.create(world.spec("other.txt"), request_id=key)) == (
        InvalidArgument, Reason.FIELD_INVALID, "request_id",
    )  # fmt: skip
    [made] = records(first[:1])
    for call in (
        lambda key: batches.update_files(V1, [FileChange(made.name.id, FileSpec(comment="x"))], request_id=key),
        lambda key: batches.delete_files(V1, [made.name.id], request_id=key),
    ):
        key = str(uuid.uuid4())
        done = await call(key)
        assert await call(key) == done
    assert await world.count() == (0, 0)


async def test_a_call_has_one_to_a_thousand_items(world: World) -> None:
    batches = world.ports.file_batches
    change = FileChange("f" + "0" * 32, FileSpec(comment="x"))
    for call, field in (
        (lambda count: batches.create_files(V1, [world.spec()] * count), "files"),
        (lambda count: batches.update_files(V1, [change] * count), "files"),
        (lambda count: batches.delete_files(V1, [change.id] * count), "names"),
    ):
        assert await refused(call(0)) == (InvalidArgument, Reason.FIELD_INVALID, field)
        assert await refused(call(1001)) == (InvalidArgument, Reason.TOO_MANY_ITEMS, field)
        assert len(await call(1000)) == 1000


async def test_versions_that_cannot_change_refuse_the_call(world: World) -> None:
    batches = world.ports.file_batches
    assert await refused(batches.create_files(LOGICAL, [world.spec()])) == (
        FailedPrecondition, Reason.STATE_UNFIT, "",
    )  # fmt: skip
    assert (await refused(batches.delete_files(VersionName(NAME, 9), ["f"])))[0] in {NotFound, InvalidArgument}
    await world.ports.datasets.publish_version(V1)
    for call in (
        world.create(world.spec()),
        batches.update_files(V1, [FileChange("f" + "0" * 32, FileSpec(comment="x"))]),
        batches.delete_files(V1, ["f" + "0" * 32]),
    ):
        assert await refused(call) == (FailedPrecondition, Reason.VERSION_PUBLISHED, "")


async def test_brought_files_are_read_tagged_and_indexed_as_others(world: World) -> None:
    (world.folder / "a.txt").write_text("hello")
    [made] = await world.made("a.txt")
    assert b"".join([chunk async for chunk in world.ports.files.read_file(made.name)]) == b"hello"
    await world.ports.files.edit_tags(TagEdit(V1, FileSelection(ids=(made.name.id,)), add=("mine",)))
    job = await world.ports.jobs.create_job(JobSpec(V1, IndexWork()))
    assert [each async for each in world.ports.jobs.watch_job(job.name)][-1].succeeded_count == 1
    # An import finds it by its URI, and takes over.
    job = await world.ports.jobs.create_job(JobSpec(V1, ImportWork()))
    assert [each async for each in world.ports.jobs.watch_job(job.name)][-1].succeeded_count == 1
    [record] = (await world.ports.files.list_files(V1, 0, "")).items
    assert (record.name, record.tags.user, record.comment) == (made.name, ("mine",), "by hand")
    given = {name: value for name, value in made.attributes.items() if name != "format"}
    assert record.attributes == given
    # What was given can be filtered by as before; what files say of themselves is read anew.
    for wanted in ('meta.words:"B c"', "meta.raw = true", "meta.lens > 1"):
        assert (await world.ports.files.list_files(V1, 0, "", FileSelection(filter=wanted))).items == (record,)


# --- Ids ------------------------------------------------------------------------------------------------------------


async def test_pages_of_ids_follow_each_other_as_the_records_do(world: World) -> None:
    made = await world.made(*(f"{place % 3}/{place}.txt" for place in range(9)))
    await world.ports.file_batches.delete_files(V1, [made[4].name.id])
    for selection in (EVERY_FILE, FileSelection(filter='file_dir = "1"'), FileSelection((made[7].name.id,))):
        listed = [each.name.id for each in (await world.ports.files.list_files(V1, 0, "", selection)).items]
        assert (await world.ports.files.list_file_ids(V1, 0, "", selection)).items == tuple(listed)
        found, token = [], ""
        while True:
            page = await world.ports.files.list_file_ids(V1, 2, token, selection)
            found += page.items
            token = page.next_page_token
            if not token:
                break
        assert found == listed


async def test_pages_of_ids_have_their_limits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_service, "MOST_IDS", 2)
    await world.made("a.txt", "b.txt", "c.txt")
    list_ids = world.ports.files.list_file_ids
    for size in (0, 2, 3):
        assert len((await list_ids(V1, size, "")).items) == 2
    token = (await world.ports.files.list_files(V1, 1, "")).next_page_token
    assert await refused(list_ids(V1, -1, "")) == (InvalidArgument, Reason.FIELD_INVALID, "page_size")
    for wrong in ("damaged", token):
        assert await refused(list_ids(V1, 1, wrong)) == (InvalidArgument, Reason.PAGE_TOKEN_INVALID, "page_token")
    with pytest.raises(NotFound):
        await list_ids(replace(V1, number=7), 1, "")
