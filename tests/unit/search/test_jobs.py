"""Long work on collections: new indexes beside old ones, snapshots, and collections made from them."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from search_samples import DIMENSION, NAME, axis, document, ids_near, make, near, put, unit_vectors

from sensorium.errors import (
    AlreadyExists,
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Reason,
)
from sensorium.model.collection import AttributeField, AttributeType, CollectionSpec
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Embedding
from sensorium.model.job import (
    CollectionJob,
    JobRequest,
    JobState,
    ReembedWork,
    ReindexWork,
    RestoreWork,
    SnapshotWork,
    Work,
)
from sensorium.model.names import CollectionName, JobName, SnapshotName
from sensorium.model.vector import Vector
from sensorium.search.embedded import embedded_search
from sensorium.search.service import SearchService
from sensorium.search.zvec_index import ZvecIndex
from sensorium.settings import SearchSettings
from sensorium.storage.list_pages import list_token, request_mark

VECTORS = unit_vectors(300)
COPY = CollectionName("default", "copy")
SNAPSHOT = SnapshotName(NAME, "monday")


async def filled(service: SearchService, count: int = len(VECTORS)) -> None:
    await make(service, CollectionSpec(dimension=DIMENSION, attributes=(AttributeField("row", AttributeType.INT),)))
    await put(
        service,
        *(
            Document(f"d{row}", Embedding(dense=Vector.from_numpy(VECTORS[row])), ("t",), {"row": row})
            for row in range(count)
        ),
    )


async def done(service: SearchService, work: Work) -> CollectionJob:
    """Return a job when it has ended."""
    job = await service.create_job(JobRequest(NAME, work))
    async for each in service.watch_job(job.name):
        job = each
    assert job.state.ended
    return job


class Held:
    """Holds the optimisation of indexes, by which a re-index ends, until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self._may = asyncio.Event(), threading.Event()
        optimise, loop = ZvecIndex.optimise, asyncio.get_running_loop()

        def held(index: ZvecIndex) -> None:
            loop.call_soon_threadsafe(self.begun.set)
            self._may.wait()
            optimise(index)

        monkeypatch.setattr(ZvecIndex, "optimise", held)
        self.go_on: Callable[[], None] = self._may.set


async def test_reindex_makes_a_new_index_that_finds_the_same(tmp_path: Path) -> None:
    async with embedded_search(tmp_path, SearchSettings()) as service:
        await filled(service)
        (before,) = (tmp_path / "search" / "index").iterdir()
        job = await done(service, ReindexWork())
        assert (job.state, job.done_count, job.total_count) == (JobState.SUCCEEDED, 300, 300)
        assert await ids_near(service, VECTORS[5], top_k=1) == ["d5"]
    async with embedded_search(tmp_path, SearchSettings()) as service:
        assert len(await ids_near(service, VECTORS[5], top_k=1000)) == 300
        (after,) = (tmp_path / "search" / "index").iterdir()
        assert after.name == f"{before.name}-1"


async def test_writes_and_searches_go_on_during_a_reindex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with embedded_search(tmp_path, SearchSettings()) as service:
        await filled(service)
        held = Held(monkeypatch)
        job = await service.create_job(JobRequest(NAME, ReindexWork()))
        await held.begun.wait()
        await put(service, document("new", axis(0)))
        await service.delete_documents(NAME, ["d5"])
        assert await ids_near(service, axis(0), top_k=1) == ["new"]
        held.go_on()
        states = [each.state async for each in service.watch_job(job.name)]
        assert states[-1] is JobState.SUCCEEDED
        found = await ids_near(service, axis(0), top_k=1000)
        assert found[0] == "new"
        assert sorted(found) == sorted({"new", *(f"d{row}" for row in range(300) if row != 5)})


async def test_writes_all_along_a_reindex_are_all_found(service: SearchService) -> None:
    await filled(service, 50)
    job = await service.create_job(JobRequest(NAME, ReindexWork()))
    ended = asyncio.ensure_future(done_watching(service, job.name))
    count = 0
    while not ended.done():
        await put(service, document(f"n{count}", VECTORS[count % 300]))
        count += 1
        assert f"n{count - 1}" in await ids_near(service, VECTORS[(count - 1) % 300], top_k=1000)
    assert (await ended).state is JobState.SUCCEEDED
    assert len(await ids_near(service, VECTORS[0], top_k=10_000)) == 50 + count


async def done_watching(service: SearchService, name: JobName) -> CollectionJob:
    last = await service.get_job(name)
    async for each in service.watch_job(name):
        last = each
    return last


async def test_reindex_takes_attributes_that_were_declared_later(tmp_path: Path) -> None:
    async with embedded_search(tmp_path, SearchSettings()) as service:
        await filled(service)
        await done(service, ReindexWork())
        found = await service.search(near(VECTORS[7], top_k=5, filter="row >= 7 AND row < 9"))
        assert sorted(hit.document.id for hit in found.hits) == ["d7", "d8"]


async def test_cancelled_reindex_leaves_the_index_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.search.follower.CHUNK", 50)
    async with embedded_search(tmp_path, SearchSettings()) as service:
        await filled(service)
        job = await service.create_job(JobRequest(NAME, ReindexWork()))
        await service.cancel_job(job.name)
        assert (await done_watching(service, job.name)).state is JobState.CANCELLED
        assert await ids_near(service, VECTORS[5], top_k=1) == ["d5"]
        (only,) = (tmp_path / "search" / "index").iterdir()
        assert "-" not in only.name


async def test_reindex_that_a_restart_interrupted_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with embedded_search(tmp_path, SearchSettings()) as service:
        await filled(service)
        held = Held(monkeypatch)
        job = await service.create_job(JobRequest(NAME, ReindexWork()))
        waiting = await service.create_job(JobRequest(NAME, SnapshotWork("monday")))
        await held.begun.wait()
        closing = asyncio.ensure_future(service.__aexit__(None, None, None))
        await asyncio.sleep(0)
        held.go_on()
        await closing
    monkeypatch.undo()
    async with embedded_search(tmp_path, SearchSettings()) as service:
        assert (await done_watching(service, job.name)).state is JobState.SUCCEEDED
        assert (await done_watching(service, waiting.name)).state is JobState.SUCCEEDED
        assert await ids_near(service, VECTORS[5], top_k=1) == ["d5"]


async def test_snapshot_is_restored_as_it_was(service: SearchService) -> None:
    await filled(service)
    before = await service.get_documents(NAME, ["d3"], DocumentView(embedding=True))
    job = await done(service, SnapshotWork("monday"))
    assert (job.state, job.done_count) == (JobState.SUCCEEDED, 300)
    await put(service, document("later", axis(0)))
    await service.delete_documents(NAME, ["d3"])
    restored = await done(service, RestoreWork(SNAPSHOT, "copy"))
    assert (restored.state, restored.done_count, restored.total_count) == (JobState.SUCCEEDED, 300, 300)
    assert await service.get_documents(COPY, ["d3"], DocumentView(embedding=True)) == before
    copied = await service.get_collection(COPY)
    assert copied.document_count == 300
    assert copied.attributes == (await service.get_collection(NAME)).attributes
    found = await service.search(near(VECTORS[3], top_k=1, filter="row = 3"))
    assert not found.hits
    assert (await service.list_documents(COPY, 10, "", DocumentView())).items[0].tags == ("t",)


async def test_snapshots_outlive_their_collection(service: SearchService) -> None:
    await filled(service)
    await done(service, SnapshotWork("monday"))
    await service.delete_collection(NAME, force=True)
    (kept,) = (await service.list_snapshots(NAME, 10, "")).items
    assert (kept.name, kept.document_count) == (SNAPSHOT, 300)
    assert kept.size_bytes > 300 * DIMENSION * 4
    await done(service, RestoreWork(SNAPSHOT, "news"))
    assert len(await ids_near(service, VECTORS[0], top_k=1000)) == 300
    await service.delete_snapshot(SNAPSHOT)
    assert not (await service.list_snapshots(NAME, 10, "")).items
    with pytest.raises(NotFound):
        await service.delete_snapshot(SNAPSHOT)


async def test_damaged_snapshot_is_refused_and_changes_nothing(service: SearchService, tmp_path: Path) -> None:
    await filled(service)
    await done(service, SnapshotWork("monday"))
    file = tmp_path / "search" / "snapshots" / "default" / "news" / "monday.sqlite3"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    job = await done(service, RestoreWork(SNAPSHOT, "copy"))
    assert job.state is JobState.FAILED
    assert isinstance(job.error, DataLoss)
    with pytest.raises(NotFound):
        await service.get_collection(COPY)


async def test_restore_that_failed_halfway_leaves_nothing(
    service: SearchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensorium.search.snapshot_file.CHUNK", 100)
    await filled(service)
    await done(service, SnapshotWork("monday"))
    job = await service.create_job(JobRequest(NAME, RestoreWork(SNAPSHOT, "copy")))
    await service.cancel_job(job.name)
    assert (await done_watching(service, job.name)).state is JobState.CANCELLED
    assert [each.id for each in (await service.list_collections("default", 10, "")).items] == ["news"]


async def test_jobs_are_listed_latest_first(service: SearchService) -> None:
    await filled(service, 10)
    names = [(await done(service, SnapshotWork(each))).name for each in ("a", "b", "c")]
    first = await service.list_jobs("default", "news", 2, "")
    second = await service.list_jobs("default", "news", 2, first.next_page_token)
    assert [each.name for each in (*first.items, *second.items)] == names[::-1]
    assert len((await service.list_jobs("default", "", 10, "")).items) == 3
    assert not (await service.list_jobs("other", "", 10, "")).items


async def test_snapshots_are_listed_latest_first(service: SearchService) -> None:
    await filled(service, 10)
    for each in ("c", "a", "b"):
        await done(service, SnapshotWork(each))
    first = await service.list_snapshots(NAME, 2, "")
    second = await service.list_snapshots(NAME, 2, first.next_page_token)
    assert [each.name.id for each in (*first.items, *second.items)] == ["b", "a", "c"]
    assert not second.next_page_token


async def test_page_tokens_that_say_no_number_are_refused(service: SearchService) -> None:
    await filled(service, 10)
    for position in ("x", "-1", "9" * 30, "\u0661"):
        with pytest.raises(InvalidArgument) as jobs:
            await service.list_jobs("default", "", 2, list_token(request_mark("jobs", "default", ""), position))
        with pytest.raises(InvalidArgument) as kept:
            await service.list_snapshots(NAME, 2, list_token(request_mark("snapshots", str(NAME)), position))
        assert jobs.value.reason is kept.value.reason is Reason.PAGE_TOKEN_INVALID


async def test_job_that_has_ended_cannot_be_cancelled(service: SearchService) -> None:
    await filled(service, 10)
    ended = await done(service, ReindexWork())
    with pytest.raises(FailedPrecondition) as refused:
        await service.cancel_job(ended.name)
    assert (refused.value.reason, refused.value.metadata) == (Reason.STATE_UNFIT, {"state": "succeeded"})


async def test_work_that_cannot_be_done_is_refused_at_once(service: SearchService) -> None:
    await filled(service, 10)
    await done(service, SnapshotWork("monday"))
    for work, kind in (
        (SnapshotWork("monday"), AlreadyExists),
        (SnapshotWork("Not An Id"), InvalidArgument),
        (RestoreWork(SNAPSHOT, "news"), AlreadyExists),
        (RestoreWork(SnapshotName(NAME, "tuesday"), "copy"), NotFound),
        (ReembedWork("other", "news", "text"), AlreadyExists),
        (ReembedWork("other", "copy", "text", "copy"), AlreadyExists),
        (ReembedWork("other", "copy", "text", "news"), AlreadyExists),
        (ReembedWork("", "copy", "text"), InvalidArgument),
        (ReembedWork("other", "copy", ""), InvalidArgument),
        (ReembedWork("other", "Not An Id", "text"), InvalidArgument),
        (ReembedWork("other", "copy", "text", "Not An Id"), InvalidArgument),
    ):
        with pytest.raises(kind):
            await service.create_job(JobRequest(NAME, work))
    with pytest.raises(NotFound) as gone:
        await service.create_job(JobRequest(COPY, ReindexWork()))
    assert gone.value.reason is Reason.COLLECTION_NOT_FOUND


async def test_same_work_twice_is_refused_but_a_repeat_of_the_request_is_harmless(service: SearchService) -> None:
    await filled(service, 10)
    request = JobRequest(NAME, SnapshotWork("monday"), request_id="r1")
    first = await service.create_job(request)
    with pytest.raises(AlreadyExists):
        await service.create_job(JobRequest(NAME, SnapshotWork("tuesday")))
    last = await done_watching(service, first.name)
    assert await service.create_job(request) == last


async def test_a_job_that_is_not_there_is_not_found(service: SearchService) -> None:
    await filled(service, 10)
    missing = JobName(NAME, "j0")
    for call in (service.get_job, service.cancel_job):
        with pytest.raises(NotFound):
            await call(missing)
    with pytest.raises(NotFound):
        await done_watching(service, missing)
