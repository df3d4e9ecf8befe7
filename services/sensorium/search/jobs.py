"""What the store says of jobs, in SQL."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from sensorium import errors
from sensorium.errors import AlreadyExists, NotFound, Reason, SensoriumError
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
from sensorium.search.tables import jobs
from sensorium.storage import moments

# Jobs that ended long ago are forgotten beyond this number.
KEPT = 1000
_UNFINISHED = jobs.c.state.in_([JobState.PENDING.value, JobState.RUNNING.value])


def repeated(connection: Connection, request: JobRequest) -> CollectionJob | None:
    """Return the job that the same `request_id`, not empty, has made; None when there is none."""
    if not request.request_id:
        return None
    same = _on(request.collection) & (jobs.c.create_request == request.request_id)
    row = connection.execute(select(jobs).where(same)).first()
    return _from_row(row) if row else None


def create(connection: Connection, request: JobRequest) -> CollectionJob:
    """Note a job that is to run.

    Raises:
        AlreadyExists: Such work on the collection is under way, or waits.
    """
    kind = type(request.work).__name__
    same = connection.execute(select(jobs).where(_on(request.collection), _UNFINISHED, jobs.c.kind == kind)).first()
    if same:
        name = _from_row(same).name
        raise AlreadyExists(f"{name} is at the same work, and has not ended", metadata={"resource": str(name)})
    _forget_old(connection)
    values = {
        "workspace": request.collection.workspace,
        "collection": request.collection.id,
        "id": f"j{uuid.uuid4().hex}",
        "kind": kind,
        "work": asdict(request.work),
        "state": JobState.PENDING.value,
        "done_count": 0,
        "total_count": 0,
        "failed_count": 0,
        "create_request": request.request_id,
        "create_time": moments.now(),
    }
    connection.execute(insert(jobs).values(values))
    return read(connection, JobName(request.collection, str(values["id"])))


def read(connection: Connection, name: JobName) -> CollectionJob:
    """Return one job.

    Raises:
        NotFound: RESOURCE_NOT_FOUND.
    """
    row = connection.execute(select(jobs).where(jobs.c.id == name.id)).one_or_none()
    if row is None or (found := _from_row(row)).name != name:
        raise NotFound(f"there is no {name}", reason=Reason.RESOURCE_NOT_FOUND, metadata={"resource": str(name)})
    return found


def page(
    connection: Connection, workspace: str, collection: str, *, before: int, limit: int
) -> list[tuple[int, CollectionJob]]:
    """Return up to `limit` jobs with rows before `before`, latest first; an empty `collection` means all."""
    chosen = select(jobs).where(jobs.c.workspace == workspace, jobs.c.key < before)
    if collection:
        chosen = chosen.where(jobs.c.collection == collection)
    rows = connection.execute(chosen.order_by(jobs.c.key.desc()).limit(limit))
    return [(row.key, _from_row(row)) for row in rows]


def unfinished(connection: Connection) -> Sequence[CollectionJob]:
    """Return the jobs that have not ended, the oldest first."""
    return [_from_row(row) for row in connection.execute(select(jobs).where(_UNFINISHED).order_by(jobs.c.key))]


def position(connection: Connection, name: JobName) -> str:
    """Return where whoever drives a job goes on."""
    found: str = connection.execute(select(jobs.c.position).where(jobs.c.id == name.id)).scalar_one()
    return found


def keep_position(connection: Connection, name: JobName, position: str) -> None:
    """Write down where whoever drives a job goes on."""
    connection.execute(update(jobs).where(jobs.c.id == name.id).values(position=position))


def note(connection: Connection, job: CollectionJob) -> CollectionJob:
    """Write down where a job stands, unless it has ended; return it as it is."""
    values = {
        "state": job.state.value,
        "done_count": job.done_count,
        "total_count": job.total_count,
        "failed_count": job.failed_count,
        "error": _error_to_json(job.error) if job.error else None,
        "end_time": moments.now() if job.state.ended else None,
    }
    connection.execute(update(jobs).where(jobs.c.id == job.name.id, _UNFINISHED).values(values))
    return read(connection, job.name)


def _on(collection: CollectionName) -> ColumnElement[bool]:
    return (jobs.c.workspace == collection.workspace) & (jobs.c.collection == collection.id)


def _forget_old(connection: Connection) -> None:
    kept = select(jobs.c.key).where(~_UNFINISHED).order_by(jobs.c.key.desc()).limit(KEPT)
    connection.execute(delete(jobs).where(~_UNFINISHED, jobs.c.key.not_in(kept)))


def _from_row(row: Row[Any]) -> CollectionJob:
    return CollectionJob(
        name=JobName(CollectionName(row.workspace, row.collection), row.id),
        work=_work_from_json(row.kind, row.work),
        state=JobState(row.state),
        done_count=row.done_count,
        total_count=row.total_count,
        failed_count=row.failed_count,
        error=_error_from_json(row.error) if row.error else None,
        create_time=moments.from_micros(row.create_time),
        end_time=moments.from_micros(row.end_time) if row.end_time else None,
    )


def _work_from_json(kind: str, stored: Mapping[str, Any]) -> Work:
    match kind:
        case "SnapshotWork":
            return SnapshotWork(stored["snapshot_id"])
        case "RestoreWork":
            snapshot = stored["snapshot"]
            name = SnapshotName(CollectionName(**snapshot["collection"]), snapshot["id"])
            return RestoreWork(name, stored["collection_id"])
        case "ReembedWork":
            return ReembedWork(**stored)
        case _:
            return ReindexWork()


def _error_to_json(error: SensoriumError) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "reason": error.reason.value,
        "metadata": error.metadata,
    }


def _error_from_json(stored: Mapping[str, Any]) -> SensoriumError:
    kind: type[SensoriumError] = getattr(errors, stored["kind"])
    return kind(stored["message"], reason=Reason(stored["reason"]), metadata=stored["metadata"])
