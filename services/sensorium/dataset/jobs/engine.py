"""Moves jobs forward: what one step of a job does, and when a job rests or ends.

A step may be done again at any time, by this process or another: what it has done stands in the ledger.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog
from sqlalchemy import ColumnElement, Connection, Row

from sensorium import context
from sensorium.context import CallContext
from sensorium.dataset.jobs import job_lease, job_rows, ledger
from sensorium.dataset.jobs.job_lease import LeaseLost, fenced
from sensorium.dataset.jobs.signals import Signals
from sensorium.dataset.jobs.work_json import work_from_json
from sensorium.dataset.patience import PASSING, patiently
from sensorium.errors import (
    DeadlineExceeded,
    Internal,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.model.dataset_job import JobMode, JobState, Work
from sensorium.model.dataset_names import VersionName
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

FILL = 20_000
# How often a worker looks whether the work of others leaves something for it.
LOOK_SECONDS = 1.0
# Workers wait for each other at the end of a step, which is also when a job learns that it may have more of them.
STEP_SECONDS = 30.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a batch.

    Attributes:
        errors: None or an error for each file, by its key.
        record: Writes the results of the files that are still ours, by key, in the transaction that settles them.
    """

    errors: Mapping[int, SensoriumError | None]
    record: Callable[[Connection, set[int]], None]


@dataclass(frozen=True, slots=True)
class Planned:
    """What decides which files a job works on; `version` is the row of the version."""

    version: int
    name: VersionName
    work: Work
    mode: JobMode


class Plan(Protocol):
    """Work that is made definite when its job is created."""

    async def pinned(self, job: Planned) -> Work:
        """Return the work with nothing left open, and make what it needs. Raises NotFound, FailedPrecondition."""
        ...


class FileWork(Plan, Protocol):
    """Work that looks at each file of a selection by itself."""

    async def chosen(self, job: Planned) -> ColumnElement[bool]:
        """Return the condition for the files that the job works on."""
        ...

    async def process(self, job: Row[Any], files: Sequence[Row[Any]]) -> Outcome:
        """Do the work for some files. What it does outside the catalog must be harmless to do again.

        Raises:
            SensoriumError: Of all files alike; one that goes by lets them wait.
        """
        ...


class Scan(Protocol):
    """Work that finds its files by itself."""

    async def scan(self, job: Row[Any], checkpoint: Callable[[], Awaitable[None]]) -> None:
        """Do the work; await `checkpoint` now and then, which ends it when the job was asked to stop.

        Each transaction is `job_lease.fenced`, so that a worker who was taken for dead changes nothing.
        """
        ...


class Stopped(Exception):
    """The job was asked to rest or to end."""


class JobEngine:
    """Does the steps of jobs.

    Args:
        store: An open catalog.
        scans: Work that finds its files, by the kind of the job.
        works: Work on the files of a selection, by the kind of the job.
        signals: Told whenever a job changes.
        worker: The name of this process among those that share the catalog.
        batch: How many files one worker leases at a time.
        lease_seconds: How long a worker may be silent before its files are taken from it.
        retry_seconds: How long to wait before each repeat after an error that goes by.
    """

    def __init__(
        self,
        store: Store,
        scans: Mapping[str, Scan],
        works: Mapping[str, FileWork],
        signals: Signals,
        *,
        worker: str,
        batch: int,
        lease_seconds: float,
        retry_seconds: Sequence[float],
    ) -> None:
        self._store = store
        self._scans = scans
        self._works = works
        self._signals = signals
        self._worker = worker
        self._batch = batch
        self._lease_seconds = lease_seconds
        self._retry_seconds = retry_seconds

    async def forget_leases(self) -> None:
        """Let everybody take what this process, or a dead one of its name, has leased; call it while it rests."""

        def forget(sql: Connection) -> None:
            job_lease.forget(sql, self._worker)
            ledger.forget_worker(sql, self._worker)

        await self._store.write(forget)

    async def advance(self, identifier: str, run: int) -> bool:
        """Do one step of a run of a job; return whether there is more to do."""
        # Whoever asked for the job has long been answered: its deadline says nothing of the work.
        with context.opened(CallContext(request_id=identifier)):
            try:
                return await self._advance(identifier, run)
            except PASSING as error:  # The catalog itself is away, so nothing can be said there of the job.
                _log.warning("job_waits", job=identifier, error=error.message)
                await asyncio.sleep(LOOK_SECONDS)
                return True

    async def _advance(self, identifier: str, run: int) -> bool:
        row = await self._store.read(lambda sql: job_rows.by_id(sql, identifier))
        if row is None or row.run != run or row.state not in job_rows.UNFINISHED:
            return False
        try:
            with context.opened(CallContext(request_id=identifier, key_id=row.key_id)):
                return await self._step(row)
        except LeaseLost:  # This process was silent for too long, and another does what it did.
            return True
        except Stopped:
            await self._stop(row)
        except SensoriumError as error:
            await self._fail(row, error)
        except Exception:
            _log.exception("job_failed", job=identifier)
            await self._fail(row, Internal("a fault of this server: its log says more"))
        return False

    async def _fail(self, row: Row[Any], error: SensoriumError) -> None:
        """Let a job rest until what it lacks is there again, or end it."""
        match error:
            case Unavailable() | ResourceExhausted() | DeadlineExceeded():
                await self._settled(row, lambda sql, now: job_rows.rest(sql, now.key, error))
            case _:
                await self._settled(row, lambda sql, now: job_rows.end(sql, now.key, JobState.FAILED, error))

    async def _settled(self, row: Row[Any], change: Callable[[Connection, Row[Any]], None]) -> None:
        """Write where a job stands even on a full disk: what is kept free is for this; if it is used up, wait."""
        while True:
            try:
                await self._store.write(_unless_ended(row, change), Terms(1, frees=True))
            except ResourceExhausted as error:
                _log.warning("job_state_not_written", job=row.id, why=error.message)
                await asyncio.sleep(max(self._lease_seconds / 10, error.retry_after or 0.0))
            else:
                self._signals.tell(row.id)
                return

    async def _step(self, row: Row[Any]) -> bool:
        if row.state == JobState.PENDING:
            await self._move(row, _start)
        await self._checkpoint(row)
        kind = row.work["kind"]
        if kind in self._scans:
            return await self._alone(row, lambda held: self._scan(held, self._scans[kind]))
        if not row.prepared:
            return await self._alone(row, lambda held: self._fill(held, self._works[kind]))
        return await self._work(row, self._works[kind])

    async def _alone(self, row: Row[Any], work: Callable[[Row[Any]], Awaitable[bool]]) -> bool:
        """Do what one worker alone may do, or wait for the one who does; return whether there is more to do."""
        lease = await self._store.write(lambda sql: job_lease.take(sql, row.key, self._worker, self._lease_seconds))
        if not lease:
            await self._signals.changed(row.id, LOOK_SECONDS)
            return True
        try:
            more = await self._held(row, lease, work)
        except Exception:
            await self._store.write(lambda sql: job_lease.give_back(sql, row.key, lease))
            raise
        await self._store.write(lambda sql: job_lease.give_back(sql, row.key, lease))
        return more

    async def _held(self, row: Row[Any], lease: str, work: Callable[[Row[Any]], Awaitable[bool]]) -> bool:
        held = await self._store.read(lambda sql: job_rows.by_id(sql, row.id))
        if held is None or held.run != row.run or held.state != JobState.RUNNING:
            return False
        async with self._renewed(lambda sql: job_lease.renew(sql, row.key, lease, self._lease_seconds)):
            return await work(held)

    async def _scan(self, row: Row[Any], scan: Scan) -> bool:
        await self._patiently(lambda: scan.scan(row, lambda: self._checkpoint(row)))
        await self._move(row, _finish)
        return False

    async def _fill(self, row: Row[Any], work: FileWork) -> bool:
        """Enter the files of a job in its ledger, some thousands in a transaction."""
        if row.prepared:
            return True
        chosen = await self._patiently(lambda: work.chosen(planned(row)))

        await self._store.write(fenced(row, lambda sql: ledger.clear(sql, row.key)))
        after = 0
        while True:
            await self._checkpoint(row)
            fill = partial(ledger.fill, job=row.key, chosen=chosen, after=after, limit=FILL)
            found = await self._store.write(fenced(row, fill))
            if not found:
                break
            after = found
        await self._move(row, lambda sql, now: job_rows.change(sql, now.key, prepared=1))
        return True

    async def _work(self, row: Row[Any], work: FileWork) -> bool:
        """Let as many workers as the job may have take batch after batch for a while; return whether there is more."""
        end = time.monotonic() + STEP_SECONDS
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._batches(row, work, end)) for _ in range(row.concurrency)]
        outcomes = [worker.result() for worker in workers]
        if errors := [each for each in outcomes if isinstance(each, SensoriumError)]:
            raise errors[0]
        if any(outcomes):
            return True
        # Others may be at work; if they are dead, their leases run out.
        if await self._store.read(lambda sql: ledger.is_open(sql, row.key)):
            await self._signals.changed(row.id, LOOK_SECONDS)
            return True
        await self._move(row, _finish_files)
        return True

    async def _batches(self, row: Row[Any], work: FileWork, end: float) -> int | SensoriumError:
        """Work on one batch after another, waiting for no other worker, so that the models are never without work.

        Returns:
            The size of the last batch, or why the whole of it failed.
        """
        try:
            while done := await self._batch_done(row, work):
                if time.monotonic() >= end or await self._is_unwanted(row):
                    break
        except SensoriumError as error:
            return error
        return done

    async def _batch_done(self, row: Row[Any], work: FileWork) -> int:
        claim = await self._store.write(
            lambda sql: ledger.claim(sql, row.key, self._worker, self._batch, self._lease_seconds)
        )
        if not claim.files:
            return 0
        try:
            async with self._renewed(lambda sql: ledger.renew(sql, row.key, claim.lease, self._lease_seconds)):
                outcome: Outcome = await self._patiently(lambda: work.process(row, claim.files))
            await self._write(row, lambda sql: self._settle(sql, row, claim.lease, outcome), len(claim.files))
        except SensoriumError:
            await self._store.write(lambda sql: ledger.release(sql, row.key, claim.lease), Terms(1, frees=True))
            raise
        return len(claim.files)

    @asynccontextmanager
    async def _renewed(self, renew: Callable[[Connection], None]) -> AsyncIterator[None]:
        """Keep a lease from running out during the body."""

        async def again() -> None:
            while True:
                await asyncio.sleep(self._lease_seconds / 3)
                await self._store.write(renew)

        renewing = asyncio.create_task(again())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    def _settle(self, sql: Connection, row: Row[Any], lease: str, outcome: Outcome) -> None:
        mine = ledger.held(sql, row.key, lease)
        outcome.record(sql, {key for key in mine if outcome.errors.get(key) is None})
        ledger.settle(sql, row.key, {uri: outcome.errors.get(key) for key, uri in mine.items()})

    async def _move(self, row: Row[Any], change: Callable[[Connection, Row[Any]], None]) -> None:
        await self._write(row, _unless_ended(row, change))

    async def _checkpoint(self, row: Row[Any]) -> None:
        """Raise Stopped when the job was asked to rest or to end, or is gone."""
        if await self._is_unwanted(row):
            raise Stopped

    async def _is_unwanted(self, row: Row[Any]) -> bool:
        now = await self._store.read(lambda sql: job_rows.by_id(sql, row.id))
        return now is None or bool(now.wanted) or now.run != row.run

    async def _stop(self, row: Row[Any]) -> None:
        def stop(sql: Connection, now: Row[Any]) -> None:
            if now.wanted == "cancel":
                job_rows.end(sql, now.key, JobState.MANUALLY_STOPPED)
            else:
                job_rows.rest(sql, now.key, None)

        await self._settled(row, stop)

    async def _patiently(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Return what `work` returns, after repeats when an error goes by; when it does not, the job rests."""
        return await patiently(work, self._retry_seconds)

    async def _write(self, row: Row[Any], change: Callable[[Connection], None], size: int = 1) -> None:
        await self._store.write(change, Terms(size, bulk=True))
        self._signals.tell(row.id)


def planned(row: Row[Any]) -> Planned:
    """Return what decides which files the job of a row works on."""
    return Planned(row.version, job_rows.name_of(row), work_from_json(row.work), JobMode(row.mode))


def _unless_ended(row: Row[Any], change: Callable[[Connection, Row[Any]], None]) -> Callable[[Connection], None]:
    """Return a change of a job, given what it is then, unless another worker has ended the run."""

    def run(sql: Connection) -> None:
        now = job_rows.by_id(sql, row.id)
        if now is not None and now.run == row.run and now.state in job_rows.UNFINISHED:
            change(sql, now)

    return run


def _start(sql: Connection, now: Row[Any]) -> None:
    if now.state == JobState.PENDING:
        job_rows.start(sql, now)


def _finish(sql: Connection, now: Row[Any]) -> None:
    job_rows.end(sql, now.key, _end_of(now))


def _finish_files(sql: Connection, now: Row[Any]) -> None:
    """End a job of which no file is left; another worker may have let some wait again."""
    if not ledger.is_open(sql, now.key):
        _finish(sql, now)


def _end_of(row: Row[Any]) -> JobState:
    """Return how a job without work left has ended."""
    if not row.failed:
        return JobState.SUCCEEDED
    return JobState.PARTIAL_FAILED if row.succeeded or row.skipped else JobState.FAILED
