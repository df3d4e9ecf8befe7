"""The lease of a whole job, for what one worker alone may do: find its files, and do work that cannot be shared.

It runs out when its worker is silent. What a worker still writes after that is refused: every transaction of such work
is `fenced`.
"""

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, select, update

from sensorium.dataset.jobs import job_rows
from sensorium.dataset.tables import jobs
from sensorium.storage import lease_clock

T = TypeVar("T")


class LeaseLost(Exception):
    """Another worker does the job now."""


def take(sql: Connection, key: int, worker: str, seconds: float) -> str:
    """Return a lease of the job in row `key`; empty while another one holds."""
    now = lease_clock.now(sql)
    free = select(jobs.c.key).where(jobs.c.key == key, (jobs.c.lease == "") | (jobs.c.lease_until <= now))
    if sql.execute(free.with_for_update(skip_locked=True)).one_or_none() is None:
        return ""
    lease = f"{worker}/{uuid.uuid4().hex}"
    job_rows.change(sql, key, lease=lease, lease_until=now + round(seconds * 1e6))
    return lease


def renew(sql: Connection, key: int, lease: str, seconds: float) -> None:
    """Let a lease run out later, unless another worker has taken the job."""
    until = lease_clock.now(sql) + round(seconds * 1e6)
    sql.execute(update(jobs).where(_held(key, lease)).values(lease_until=until))


def give_back(sql: Connection, key: int, lease: str) -> None:
    """Let others take the job, unless one has."""
    sql.execute(update(jobs).where(_held(key, lease)).values(lease="", lease_until=0))


def forget(sql: Connection, worker: str) -> None:
    """Give back what a worker of this name held before it died."""
    mine = jobs.c.lease.startswith(f"{worker}/", autoescape=True)
    sql.execute(update(jobs).where(mine).values(lease="", lease_until=0))


def fenced(job: Row[Any], change: Callable[[Connection], T]) -> Callable[[Connection], T]:
    """Return `change`, but raising LeaseLost when the lease with which the row `job` was read is another's by then."""

    def run(sql: Connection) -> T:
        if sql.execute(select(jobs.c.lease).where(jobs.c.key == job.key)).scalar_one_or_none() != job.lease:
            raise LeaseLost
        return change(sql)

    return run


def _held(key: int, lease: str) -> Any:
    return (jobs.c.key == key) & (jobs.c.lease == lease)
