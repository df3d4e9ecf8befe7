"""The ledger of a job: which files wait, are at work, are done or failed, in SQL.

A file that is at work is leased. A lease that has run out may be taken by anybody, and an outcome counts only while the
lease under which it was made still holds: nothing is lost with a worker, and nothing counts twice.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, insert, literal, or_, select, update

from sensorium.dataset.error_json import error_from_json, file_error_to_json
from sensorium.dataset.jobs import job_rows
from sensorium.dataset.tables import files, job_files, jobs
from sensorium.errors import SensoriumError
from sensorium.model.dataset_job import JobFile, JobFileState
from sensorium.storage import lease_clock, moments

FORGOTTEN = 1000
PENDING, RUNNING = JobFileState.PENDING.value, JobFileState.RUNNING.value


@dataclass(frozen=True, slots=True)
class Claim:
    """Files that one worker has leased; `files` are rows of the table of files."""

    lease: str
    files: tuple[Row[Any], ...]


def fill(sql: Connection, job: int, chosen: ColumnElement[bool], after: int, limit: int) -> int:
    """Enter up to `limit` of the chosen files whose key is beyond `after`; return the last key, 0 when none is left."""
    keys = sql.execute(
        select(files.c.key).where(and_(chosen, files.c.key > after)).order_by(files.c.key).limit(limit)
    ).scalars().all()  # fmt: skip
    if not keys:
        return 0
    mine = and_(chosen, files.c.key > after, files.c.key <= keys[-1])
    nothing = literal({}, job_files.c.error.type)
    fixed = (literal(PENDING), literal(0), literal(""), literal(0), nothing)
    entries = select(literal(job), files.c.uri, files.c.key, *fixed).where(mine)
    columns = ["job", "uri", "file", "state", "attempts", "lease", "lease_until", "error"]
    entered = sql.execute(insert(job_files).from_select(columns, entries)).rowcount
    sql.execute(update(jobs).where(jobs.c.key == job).values(total=jobs.c.total + entered))
    return int(keys[-1])


def clear(sql: Connection, job: int) -> None:
    """Empty the ledger of a job that was filled in part."""
    sql.execute(job_files.delete().where(job_files.c.job == job))
    job_rows.change(sql, job, total=0, succeeded=0, failed=0, skipped=0)


def claim(sql: Connection, job: int, worker: str, size: int, seconds: float) -> Claim:
    """Lease up to `size` files that wait, or whose lease has run out."""
    now, lease = lease_clock.now(sql), f"{worker}/{uuid.uuid4().hex}"
    free = or_(job_files.c.state == PENDING, and_(job_files.c.state == RUNNING, job_files.c.lease_until <= now))
    # What another transaction is about to change is left to it, and none waits.
    wanted = select(job_files.c.uri).where(job_files.c.job == job, free).limit(size).with_for_update(skip_locked=True)
    uris = sql.execute(wanted).scalars().all()
    if not uris:
        return Claim(lease, ())
    taken = {
        "state": RUNNING,
        "lease": lease,
        "lease_until": now + round(seconds * 1e6),
        "attempts": job_files.c.attempts + 1,
    }
    sql.execute(update(job_files).where(job_files.c.job == job, job_files.c.uri.in_(uris)).values(**taken))
    mine = (job_files.c.job == job) & (job_files.c.lease == lease) & (job_files.c.state == RUNNING)
    rows = sql.execute(select(files).join(job_files, job_files.c.file == files.c.key).where(mine)).all()
    return Claim(lease, tuple(rows))


def held(sql: Connection, job: int, lease: str) -> dict[int, str]:
    """Return the keys and URIs of the files that a lease still holds."""
    mine = (job_files.c.job == job) & (job_files.c.lease == lease) & (job_files.c.state == RUNNING)
    return {row.file: row.uri for row in sql.execute(select(job_files.c.file, job_files.c.uri).where(mine))}


def forget_worker(sql: Connection, worker: str) -> None:
    """Let the files wait again that a worker of this name had leased before it died."""
    unfinished = select(jobs.c.key).where(jobs.c.state.in_(job_rows.UNFINISHED))
    its = job_files.c.lease.startswith(f"{worker}/", autoescape=True) & (job_files.c.state == RUNNING)
    mine = job_files.c.job.in_(unfinished) & its
    sql.execute(update(job_files).where(mine).values(state=PENDING, lease="", lease_until=0))


def release(sql: Connection, job: int, lease: str) -> None:
    """Let the files of a lease wait again."""
    mine = (job_files.c.job == job) & (job_files.c.lease == lease) & (job_files.c.state == RUNNING)
    sql.execute(update(job_files).where(mine).values(state=PENDING, lease="", lease_until=0))


def renew(sql: Connection, job: int, lease: str, seconds: float) -> None:
    """Let a lease run out later."""
    mine = (job_files.c.job == job) & (job_files.c.lease == lease) & (job_files.c.state == RUNNING)
    sql.execute(update(job_files).where(mine).values(lease_until=lease_clock.now(sql) + round(seconds * 1e6)))


def settle(sql: Connection, job: int, outcomes: Mapping[str, SensoriumError | None]) -> None:
    """Write what came of files, by their URIs, and count it."""
    now = moments.now()
    rows = [
        {
            "settled": uri,
            "state": (JobFileState.FAILED if error else JobFileState.SUCCEEDED).value,
            "error": file_error_to_json(error) if error else {},
            "lease": "",
            "end_time": now,
        }
        for uri, error in outcomes.items()
    ]
    if rows:
        mine = (job_files.c.job == job) & (job_files.c.uri == bindparam("settled"))
        sql.execute(update(job_files).where(mine), rows)
    failed = sum(error is not None for error in outcomes.values())
    count(sql, job, succeeded=len(outcomes) - failed, failed=failed)


def count(sql: Connection, job: int, *, succeeded: int = 0, failed: int = 0, skipped: int = 0, total: int = 0) -> None:
    """Add to the counts of a job."""
    sql.execute(
        update(jobs)
        .where(jobs.c.key == job)
        .values(
            succeeded=jobs.c.succeeded + succeeded,
            failed=jobs.c.failed + failed,
            skipped=jobs.c.skipped + skipped,
            total=jobs.c.total + total,
            progress_time=moments.now(),
        )
    )


def forget(sql: Connection, job: int, uris: Sequence[str]) -> None:
    """Take entries out of a ledger, by URI."""
    for start in range(0, len(uris), FORGOTTEN):
        some = job_files.c.uri.in_(uris[start : start + FORGOTTEN])
        sql.execute(job_files.delete().where(job_files.c.job == job, some))


def note_failures(sql: Connection, job: int, failures: Mapping[str, SensoriumError]) -> int:
    """Enter files that have no record because they failed, by URI; return how many are new."""
    if not failures:
        return 0
    ours = (job_files.c.job == job) & job_files.c.uri.in_(list(failures))
    before = set(sql.execute(select(job_files.c.uri).where(ours)).scalars())
    fresh = [
        {
            "job": job, "uri": uri, "file": 0, "state": JobFileState.FAILED.value, "attempts": 1, "lease": "",
            "lease_until": 0, "error": file_error_to_json(error), "end_time": moments.now(),
        }
        for uri, error in failures.items()
        if uri not in before
    ]  # fmt: skip
    if fresh:
        sql.execute(insert(job_files), fresh)
    return len(fresh)


def retry_failed(sql: Connection, job: int) -> int:
    """Let the failed files wait again; return how many there are."""
    failed = (job_files.c.job == job) & (job_files.c.state == JobFileState.FAILED.value)
    found = sql.execute(update(job_files).where(failed).values(state=PENDING, end_time=None)).rowcount
    sql.execute(update(jobs).where(jobs.c.key == job).values(failed=jobs.c.failed - found))
    return found


def is_open(sql: Connection, job: int) -> bool:
    """Return whether files wait or are at work."""
    left = (job_files.c.job == job) & job_files.c.state.in_([PENDING, RUNNING])
    return sql.execute(select(job_files.c.uri).where(left).limit(1)).one_or_none() is not None


def page(
    sql: Connection, job: int, states: Sequence[JobFileState], after: str, limit: int
) -> tuple[list[JobFile], bool]:
    """Return up to `limit` entries with URIs beyond `after`, and whether there are more."""
    chosen = (job_files.c.job == job) & (job_files.c.uri > after)
    if states:
        chosen &= job_files.c.state.in_([state.value for state in states])
    rows = sql.execute(select(job_files).where(chosen).order_by(job_files.c.uri).limit(limit + 1)).all()
    return [_entry(row) for row in rows[:limit]], len(rows) > limit


def _entry(row: Row[Any]) -> JobFile:
    ended = None if row.end_time is None else moments.from_micros(row.end_time)
    return JobFile(row.uri, JobFileState(row.state), row.attempts, error_from_json(row.error), ended)
