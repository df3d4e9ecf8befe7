"""Jobs and snapshots are the same in this process and over gRPC."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from grpc.aio import Channel
from prometheus_client import CollectorRegistry
from search_samples import NAME, document, ids_near, make, put, unit_vectors

from sensorium.errors import (
    AlreadyExists,
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Reason,
    SensoriumError,
)
from sensorium.model.job import (
    CollectionJob,
    Driven,
    JobRequest,
    JobState,
    ReembedWork,
    ReindexWork,
    RestoreWork,
    SnapshotWork,
    Work,
)
from sensorium.model.names import AliasName, CollectionName, JobName, SnapshotName
from sensorium.ports import Searcher
from sensorium.rpc.channel import open_channel
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.registration import search_service
from sensorium.rpc.server import RpcServer
from sensorium.search.client import REPEATABLE, SearchClient
from sensorium.search.embedded import embedded_search
from sensorium.search.servicer import SearchServicer
from sensorium.settings import GrpcSettings, SearchSettings
from sensorium.telemetry.metrics import CallMetrics
from sensorium.v1 import search_service_pb2 as pb
from sensorium.v1.search_service_pb2_grpc import SearchServiceStub

SNAPSHOT = SnapshotName(NAME, "monday")
VECTORS = unit_vectors(20)
LIMITS = SearchSettings(max_page_size=2)


@asynccontextmanager
async def served(service: Searcher) -> AsyncIterator[Channel]:
    registration = search_service(SearchServicer(service, LIMITS), ())
    settings = GrpcSettings(port=0, drain_seconds=0)
    async with (
        RpcServer(settings, [registration], Readiness(), CallMetrics(CollectorRegistry())) as server,
        open_channel(server.address, repeatable=REPEATABLE) as channel,
    ):
        yield channel


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Searcher]:
    async with embedded_search(tmp_path, LIMITS) as opened:
        await make(opened)
        await put(opened, *(document(f"d{row}", each) for row, each in enumerate(VECTORS)))
        yield opened


@pytest.fixture(params=["local", "remote"])
async def searcher(request: pytest.FixtureRequest, service: Searcher) -> AsyncIterator[Searcher]:
    if request.param == "local":
        yield service
        return
    async with served(service) as channel:
        yield SearchClient(channel)


@pytest.fixture
async def stub(service: Searcher) -> AsyncIterator[Any]:
    async with served(service) as channel:
        yield SearchServiceStub(channel)


async def done(searcher: Searcher, work: Work) -> CollectionJob:
    job = await searcher.create_job(JobRequest(NAME, work))
    async for each in searcher.watch_job(job.name):
        job = each
    return job


async def refused(call: Awaitable[object], kind: type[SensoriumError], reason: Reason, field: str = "") -> None:
    with pytest.raises(SensoriumError) as caught:
        await call
    assert (type(caught.value), caught.value.reason, caught.value.field) == (kind, reason, field)


async def test_jobs_end_as_they_are_told_got_and_listed(searcher: Searcher) -> None:
    job = await done(searcher, ReindexWork())
    assert (job.state, job.done_count, job.total_count, job.failed_count) == (JobState.SUCCEEDED, 20, 20, 0)
    assert job.create_time
    assert job.end_time
    assert job.end_time >= job.create_time
    assert await searcher.get_job(job.name) == job
    assert (await searcher.list_jobs("default", "", 10, "")).items == (job,)
    assert (await searcher.list_jobs("default", NAME.id, 10, "")).items == (job,)


async def test_snapshots_travel_and_are_restored(searcher: Searcher) -> None:
    made = [(await done(searcher, SnapshotWork(each))).work for each in ("monday", "tuesday", "wednesday")]
    assert made[0] == SnapshotWork("monday")
    first = await searcher.list_snapshots(NAME, 10, "")
    second = await searcher.list_snapshots(NAME, 10, first.next_page_token)
    assert [each.name.id for each in (*first.items, *second.items)] == ["wednesday", "tuesday", "monday"]
    assert first.items[0].document_count == 20
    restored = await done(searcher, RestoreWork(SNAPSHOT, "copy"))
    assert restored.state is JobState.SUCCEEDED
    assert await searcher.count_documents(CollectionName("default", "copy")) == 20
    await searcher.delete_snapshot(SNAPSHOT)
    await refused(searcher.delete_snapshot(SNAPSHOT), NotFound, Reason.RESOURCE_NOT_FOUND)


async def test_why_a_job_failed_travels(searcher: Searcher, tmp_path: Path) -> None:
    await done(searcher, SnapshotWork("monday"))
    file = tmp_path / "search" / "snapshots" / "default" / NAME.id / "monday.sqlite3"
    file.write_bytes(b"no snapshot")
    job = await done(searcher, RestoreWork(SNAPSHOT, "copy"))
    assert (job.state, type(job.error)) == (JobState.FAILED, DataLoss)
    assert job.error
    assert job.error.metadata["file"].endswith("monday.sqlite3")


async def test_jobs_on_an_alias_are_jobs_on_its_collection(searcher: Searcher) -> None:
    await searcher.set_alias(AliasName("default", "live"), NAME)
    job = await searcher.create_job(JobRequest(CollectionName("default", "live"), ReindexWork()))
    assert job.name.collection == NAME
    async for _ in searcher.watch_job(job.name):
        pass
    assert await ids_near(searcher, VECTORS[7], top_k=1) == ["d7"]


async def test_what_cannot_be_done_is_refused_alike(searcher: Searcher) -> None:
    nothing = JobName(NAME, "j0")
    await refused(searcher.get_job(nothing), NotFound, Reason.RESOURCE_NOT_FOUND)
    await refused(searcher.cancel_job(nothing), NotFound, Reason.RESOURCE_NOT_FOUND)
    with pytest.raises(NotFound):
        async for _ in searcher.watch_job(nothing):
            pass
    ended = await done(searcher, SnapshotWork("monday"))
    await refused(searcher.cancel_job(ended.name), FailedPrecondition, Reason.STATE_UNFIT)
    again = searcher.create_job(JobRequest(NAME, SnapshotWork("monday")))
    await refused(again, AlreadyExists, Reason.RESOURCE_EXISTS)
    wrong = searcher.create_job(JobRequest(NAME, SnapshotWork("No Id")))
    await refused(wrong, InvalidArgument, Reason.NAME_INVALID, "job.snapshot.snapshot_id")
    missing = searcher.create_job(JobRequest(CollectionName("default", "none"), ReindexWork()))
    await refused(missing, NotFound, Reason.COLLECTION_NOT_FOUND)
    for pages in (searcher.list_jobs("default", "", -1, ""), searcher.list_snapshots(NAME, -1, "")):
        await refused(pages, InvalidArgument, Reason.FIELD_INVALID, "page_size")
    for pages in (searcher.list_jobs("default", "", 1, "x"), searcher.list_snapshots(NAME, 1, "x")):
        await refused(pages, InvalidArgument, Reason.PAGE_TOKEN_INVALID, "page_token")


async def test_a_reembedding_is_handed_out_reported_on_and_ended(searcher: Searcher) -> None:
    assert await searcher.drive_job("one") is None
    job = await searcher.create_job(JobRequest(NAME, ReembedWork("letters", "copy", "text", "live")))
    assert await searcher.drive_job("one") == Driven(job)
    told = replace(job, state=JobState.RUNNING, done_count=3, failed_count=1, total_count=20)
    assert await searcher.drive_job("one", Driven(told, "here")) == Driven(told, "here")
    assert await searcher.get_job(job.name) == told
    await refused(searcher.drive_job("two", Driven(told)), FailedPrecondition, Reason.STATE_UNFIT)
    await refused(searcher.drive_job(""), InvalidArgument, Reason.FIELD_INVALID, "driver")
    gone = Driven(replace(job, name=JobName(NAME, "j0")))
    await refused(searcher.drive_job("one", gone), NotFound, Reason.RESOURCE_NOT_FOUND)
    failed = replace(told, state=JobState.FAILED, error=DataLoss("the model forgot"))
    ended = await searcher.drive_job("one", Driven(failed))
    assert ended
    assert (ended.job.state, ended.job.done_count, type(ended.job.error)) == (JobState.FAILED, 3, DataLoss)
    assert await searcher.drive_job("one") is None
    again = await searcher.drive_job("one", Driven(told))
    assert again
    assert again.job.state is JobState.FAILED


async def test_names_and_work_are_needed(stub: Any) -> None:
    for call in (
        stub.GetCollectionJob(pb.GetCollectionJobRequest(name="jobs/j")),
        stub.CancelCollectionJob(pb.CancelCollectionJobRequest()),
        stub.DeleteSnapshot(pb.DeleteSnapshotRequest(name=str(NAME))),
        stub.ListSnapshots(pb.ListSnapshotsRequest(parent="collections/-")),
        stub.ListCollectionJobs(pb.ListCollectionJobsRequest(parent="workspaces/default")),
        stub.CreateCollectionJob(pb.CreateCollectionJobRequest(parent=str(NAME))),
    ):
        with pytest.raises(InvalidArgument):
            await call
