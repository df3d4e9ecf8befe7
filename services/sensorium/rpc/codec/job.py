"""Jobs on collections, and snapshots, on the wire."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from sensorium.errors import InvalidArgument
from sensorium.model.job import (
    CollectionJob,
    Driven,
    JobRequest,
    JobState,
    ReembedWork,
    ReindexWork,
    RestoreWork,
    Snapshot,
    SnapshotWork,
    Work,
)
from sensorium.model.names import CollectionName, JobName, SnapshotName
from sensorium.rpc.codec.collection import moment_from_proto, moment_to_proto
from sensorium.rpc.codec.enums import EnumTable
from sensorium.rpc.status import from_status, to_status
from sensorium.v1 import search_service_pb2 as pb

STATE = EnumTable(
    {
        JobState.PENDING: pb.CollectionJob.STATE_PENDING,
        JobState.RUNNING: pb.CollectionJob.STATE_RUNNING,
        JobState.SUCCEEDED: pb.CollectionJob.STATE_SUCCEEDED,
        JobState.FAILED: pb.CollectionJob.STATE_FAILED,
        JobState.CANCELLED: pb.CollectionJob.STATE_CANCELLED,
    }
)


def job_request_from_proto(request: pb.CreateCollectionJobRequest) -> JobRequest:
    """Return what the message asks for. Raises InvalidArgument for a wrong name, or when there is no work."""
    return JobRequest(CollectionName.parse(request.parent, "parent"), _work_from_proto(request.job), request.request_id)


def job_request_to_proto(request: JobRequest) -> pb.CreateCollectionJobRequest:
    """Return the message for `request`."""
    return pb.CreateCollectionJobRequest(
        parent=str(request.collection), job=_with_work(request.work), request_id=request.request_id
    )


def job_from_proto(job: pb.CollectionJob) -> CollectionJob:
    """Return the job that the message holds. Raises InvalidArgument."""
    return CollectionJob(
        name=JobName.parse(job.name, "job.name"),
        work=_work_from_proto(job),
        state=STATE.from_proto(job.state, "job.state"),
        done_count=job.done_count,
        total_count=job.total_count,
        failed_count=job.failed_count,
        error=from_status(job.error) if job.HasField("error") else None,
        create_time=moment_from_proto(job.create_time) if job.HasField("create_time") else None,
        end_time=moment_from_proto(job.end_time) if job.HasField("end_time") else None,
    )


def job_to_proto(job: CollectionJob) -> pb.CollectionJob:
    """Return the message for `job`."""
    message = _with_work(job.work)
    message.MergeFrom(
        pb.CollectionJob(
            name=str(job.name),
            state=STATE.to_proto(job.state),
            done_count=job.done_count,
            total_count=job.total_count,
            failed_count=job.failed_count,
            error=to_status(job.error) if job.error else None,
            create_time=_moment(job.create_time),
            end_time=_moment(job.end_time),
        )
    )
    return message


def drive_request_to_proto(driver: str, driven: Driven | None) -> pb.DriveCollectionJobRequest:
    """Return the message with which `driver` asks for a job, or reports on one."""
    if driven is None:
        return pb.DriveCollectionJobRequest(driver=driver)
    return pb.DriveCollectionJobRequest(driver=driver, job=job_to_proto(driven.job), position=driven.position)


def driven_from_proto(message: pb.DriveCollectionJobRequest | pb.DriveCollectionJobResponse) -> Driven | None:
    """Return the driven job that the message holds; None when it holds none. Raises InvalidArgument."""
    return Driven(job_from_proto(message.job), message.position) if message.HasField("job") else None


def driven_to_proto(driven: Driven | None) -> pb.DriveCollectionJobResponse:
    """Return the message for `driven`."""
    if driven is None:
        return pb.DriveCollectionJobResponse()
    return pb.DriveCollectionJobResponse(job=job_to_proto(driven.job), position=driven.position)


def snapshot_from_proto(snapshot: pb.Snapshot) -> Snapshot:
    """Return the snapshot that the message holds. Raises InvalidArgument for a wrong name."""
    name = SnapshotName.parse(snapshot.name, "snapshot.name")
    return Snapshot(name, snapshot.document_count, snapshot.size_bytes, moment_from_proto(snapshot.create_time))


def snapshot_to_proto(snapshot: Snapshot) -> pb.Snapshot:
    """Return the message for `snapshot`."""
    return pb.Snapshot(
        name=str(snapshot.name),
        document_count=snapshot.document_count,
        size_bytes=snapshot.size_bytes,
        create_time=moment_to_proto(snapshot.create_time),
    )


def _moment(moment: datetime | None) -> Timestamp | None:
    return moment_to_proto(moment) if moment else None


def _work_from_proto(job: pb.CollectionJob) -> Work:
    match job.WhichOneof("work"):
        case "reindex":
            return ReindexWork()
        case "snapshot":
            return SnapshotWork(job.snapshot.snapshot_id)
        case "restore":
            snapshot = SnapshotName.parse(job.restore.snapshot, "job.restore.snapshot")
            return RestoreWork(snapshot, job.restore.collection_id)
        case "reembed":
            work = job.reembed
            return ReembedWork(work.model, work.collection_id, work.source_attribute, work.alias_id)
        case _:
            raise InvalidArgument("job: it needs some work", field="job")


def _with_work(work: Work) -> pb.CollectionJob:
    match work:
        case ReindexWork():
            return pb.CollectionJob(reindex=pb.ReindexWork())
        case SnapshotWork(snapshot_id=snapshot_id):
            return pb.CollectionJob(snapshot=pb.SnapshotWork(snapshot_id=snapshot_id))
        case RestoreWork(snapshot=snapshot, collection_id=collection_id):
            return pb.CollectionJob(restore=pb.RestoreWork(snapshot=str(snapshot), collection_id=collection_id))
        case ReembedWork(model=model, collection_id=collection_id, source_attribute=source, alias_id=alias_id):
            work_ = pb.ReembedWork(model=model, collection_id=collection_id, source_attribute=source, alias_id=alias_id)
            return pb.CollectionJob(reembed=work_)
