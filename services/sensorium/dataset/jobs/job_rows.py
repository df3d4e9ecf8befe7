"""What the catalog says of jobs, in SQL."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from sensorium.dataset import versions
from sensorium.dataset.error_json import error_from_json, error_to_json
from sensorium.dataset.jobs.work_json import work_from_json, work_to_json
from sensorium.dataset.tables import datasets, job_files, jobs
from sensorium.dataset.tables import versions as version_table
from sensorium.errors import FailedPrecondition, NotFound, Reason, SensoriumError
from sensorium.model.dataset_job import Job, JobMode, JobSpec, JobState, changes_files
from sensorium.model.dataset_names import ANY_DATASET, DatasetName, JobName, VersionName
from sensorium.storage import moments

LOG_LINES = 100
UNFINISHED = (JobState.PENDING.value, JobState.RUNNING.value)
ENDED = tuple(state.value for state in JobState if state.has_ended)


def create(sql: Connection, spec: JobSpec, concurrency: int, key_id: str = "") -> Job:
    """Create a job that waits, for the key `key_id`. Raises NotFound, or FailedPrecondition (VERSION_PUBLISHED)."""
    version = workable(sql, spec)
    identifier = f"job-{uuid.uuid4().hex[:16]}"
    now = moments.now()
    sql.execute(
        insert(jobs).values(
            id=identifier,
            version=version.key,
            description=spec.description,
            work=work_to_json(spec.work),
            mode=spec.mode.value,
            concurrency=spec.concurrency or concurrency,
            state=JobState.PENDING.value,
            wanted="",
            run=1,
            prepared=0,
            total=0,
            succeeded=0,
            failed=0,
            skipped=0,
            rate_count=0,
            rate_start=now,
            error={},
            logs=[],
            key_id=key_id,
            create_time=now,
        )
    )
    return get(sql, JobName(spec.version.dataset, identifier))


def workable(sql: Connection, spec: JobSpec) -> Row[Any]:
    """Return the row of the version that a job works on. Raises NotFound, or FailedPrecondition (VERSION_PUBLISHED)."""
    find = versions.draft_row if changes_files(spec.work) else versions.row_of
    return find(sql, spec.version)


def get(sql: Connection, name: JobName) -> Job:
    """Return one job. Raises NotFound."""
    return from_row(row_of(sql, name))


def row_of(sql: Connection, name: JobName) -> Row[Any]:
    """Return the row of a job, with the names of its dataset and version. Raises NotFound."""
    row = sql.execute(_joined().where(_of(name.dataset), jobs.c.id == name.id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no {name}", metadata={"resource": str(name)})
    return row


def by_id(sql: Connection, identifier: str) -> Row[Any] | None:
    """Return the row of a job by its id alone; None when there is none."""
    return sql.execute(_joined().where(jobs.c.id == identifier)).one_or_none()


def page(
    sql: Connection, dataset: DatasetName, states: Sequence[JobState], before: int, limit: int
) -> tuple[list[Row[Any]], bool]:
    """Return up to `limit` rows of jobs below the key `before`, latest first, and whether there are more."""
    chosen = _of(dataset) & (jobs.c.key < before)
    if states:
        chosen &= jobs.c.state.in_([state.value for state in states])
    rows = sql.execute(_joined().where(chosen).order_by(jobs.c.key.desc()).limit(limit + 1)).all()
    return list(rows[:limit]), len(rows) > limit


def unfinished(sql: Connection) -> list[Row[Any]]:
    """Return the jobs that somebody must work on."""
    waiting = jobs.c.state.in_(UNFINISHED)
    return list(sql.execute(_joined().where(waiting).order_by(jobs.c.key)).all())


def busy(sql: Connection, version: int, but: int = 0) -> str:
    """Return the id of a job that has not ended on the version in row `version`; empty when none has but `but`."""
    open_ones = (jobs.c.version == version) & jobs.c.state.not_in(ENDED) & (jobs.c.key != but)
    return sql.execute(select(jobs.c.id).where(open_ones).limit(1)).scalar_one_or_none() or ""


def check_idle(sql: Connection, version: int, name: str) -> None:
    """Raise FailedPrecondition (RESOURCE_IN_USE) when a job works on a version."""
    if job := busy(sql, version):
        raise FailedPrecondition(
            f"{name}: {job} works on it", reason=Reason.RESOURCE_IN_USE, metadata={"resource": job}
        )


def last_rate(sql: Connection, kind: str) -> float:
    """Return the files a second of the last job of a kind that has ended; 0 when there is none."""
    done = (jobs.c.work["kind"].as_string() == kind) & jobs.c.end_time.is_not(None) & (jobs.c.succeeded > 0)
    row = sql.execute(select(jobs).where(done).order_by(jobs.c.key.desc()).limit(1)).one_or_none()
    if row is None or row.start_time is None:
        return 0.0
    return float(row.succeeded / max((row.end_time - row.start_time) / 1e6, 1e-3))


def change(sql: Connection, key: int, **values: Any) -> None:
    """Change columns of a job."""
    sql.execute(update(jobs).where(jobs.c.key == key).values(**values))


def log(sql: Connection, key: int, line: str) -> None:
    """Add a line to what happened."""
    lines = sql.execute(select(jobs.c.logs).where(jobs.c.key == key)).scalar_one_or_none() or []
    stamped = f"{moments.from_micros(moments.now()).isoformat(timespec='seconds')} {line}"
    change(sql, key, logs=[*lines, stamped][-LOG_LINES:])


def start(sql: Connection, row: Row[Any]) -> None:
    """Say that a job is at work."""
    now = moments.now()
    done = row.succeeded + row.failed
    change(
        sql, row.key, state=JobState.RUNNING.value, error={}, start_time=row.start_time or now, rate_start=now,
        rate_count=done,
    )  # fmt: skip
    log(sql, row.key, "begins" if row.start_time is None else "goes on")


def rest(sql: Connection, key: int, error: SensoriumError | None) -> None:
    """Say that a job rests, because it was asked to or because it lacks something."""
    change(sql, key, state=JobState.PAUSED.value, wanted="", error=error_to_json(error))
    log(sql, key, f"rests: {error.message}" if error else "rests as it was asked to")


def end(sql: Connection, key: int, state: JobState, error: SensoriumError | None = None) -> None:
    """Say that a job has ended."""
    change(sql, key, state=state.value, wanted="", error=error_to_json(error), end_time=moments.now())
    log(sql, key, f"ends: {state.value}" + (f": {error.message}" if error else ""))


def begin_again(sql: Connection, row: Row[Any]) -> None:
    """Let a job that rests, or that has ended, wait for a worker; its next run is another workflow."""
    change(sql, row.key, state=JobState.PENDING.value, wanted="", error={}, run=row.run + 1, end_time=None)


def delete(sql: Connection, key: int) -> None:
    """Delete a job and its ledger."""
    sql.execute(job_files.delete().where(job_files.c.job == key))
    sql.execute(jobs.delete().where(jobs.c.key == key))


def name_of(row: Row[Any]) -> VersionName:
    """Return the version that a job works on."""
    return VersionName(DatasetName(row.dataset_workspace, row.dataset_id), row.number)


def from_row(row: Row[Any]) -> Job:
    """Return the job of a row."""
    version = name_of(row)
    seconds = max((row.progress_time or row.rate_start) - row.rate_start, 1) / 1e6
    rate = (row.succeeded + row.failed - row.rate_count) / seconds if row.state == JobState.RUNNING else 0.0
    left = row.total - row.succeeded - row.failed - row.skipped
    return Job(
        JobName(version.dataset, row.id),
        JobSpec(version, work_from_json(row.work), row.description, JobMode(row.mode), row.concurrency),
        JobState(row.state),
        moments.from_micros(row.create_time),
        row.total,
        row.succeeded,
        row.failed,
        row.skipped,
        rate,
        round(left / rate * 1000) if rate > 0 and left >= 0 and row.prepared else None,
        error_from_json(row.error),
        tuple(row.logs),
        None if row.start_time is None else moments.from_micros(row.start_time),
        None if row.end_time is None else moments.from_micros(row.end_time),
    )


def _joined() -> Select[Any]:
    names = (
        datasets.c.workspace.label("dataset_workspace"),
        datasets.c.id.label("dataset_id"),
        version_table.c.number,
    )
    return select(jobs, *names).join_from(jobs, version_table).join(datasets)


def _of(name: DatasetName) -> Any:
    mine = datasets.c.workspace == name.workspace
    return mine if name.id == ANY_DATASET else mine & (datasets.c.id == name.id)
