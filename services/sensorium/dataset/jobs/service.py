"""Jobs: what their port promises, on the catalog, the engine and the runner."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row

from sensorium import context
from sensorium.dataset.checks import check_length, invalid
from sensorium.dataset.jobs import job_rows, ledger
from sensorium.dataset.jobs.engine import Plan, Planned
from sensorium.dataset.jobs.plans.foreseen import Foreseeing
from sensorium.dataset.jobs.runner import Runner
from sensorium.dataset.jobs.signals import Signals
from sensorium.dataset.jobs.work_check import check_work
from sensorium.dataset.jobs.work_json import work_to_json
from sensorium.dataset.repeats import Repeatable, RequestId
from sensorium.errors import FailedPrecondition, Reason
from sensorium.model.dataset_job import Job, JobFile, JobFileState, JobSpec, JobState
from sensorium.model.dataset_names import DatasetName, JobName
from sensorium.model.search import Page
from sensorium.settings import DatasetSettings
from sensorium.storage import list_pages, moments
from sensorium.storage.store import Store

MOST_CONCURRENCY = 64
WATCH_SECONDS = 1.0
LARGEST_KEY = 2**62


class JobService:
    """Keeps jobs and lets them run; implements `dataset_ports.Jobs`.

    Args:
        store: An open catalog.
        plans: What makes work definite, by kind.
        foreseeing: Says what work would do, by kind.
        runner: Steps jobs.
        signals: Tells when a job has changed.
        limits: What requests may hold.
    """

    def __init__(
        self,
        store: Store,
        plans: Mapping[str, Plan],
        foreseeing: Mapping[str, Foreseeing],
        runner: Runner,
        *,
        signals: Signals,
        limits: DatasetSettings,
    ) -> None:
        self._store = store
        self._plans = plans
        self._foreseeing = foreseeing
        self._runner = runner
        self._signals = signals
        self._limits = limits

    async def resume_unfinished(self) -> None:
        """Begin again what had not ended when the last process did."""
        for row in await self._store.read(job_rows.unfinished):
            await self._runner.start(row.id, row.run)

    async def get_job(self, name: JobName) -> Job:
        """Return one job."""
        return await self._store.read(lambda sql: job_rows.get(sql, name))

    async def list_jobs(
        self, dataset: DatasetName, page_size: int, page_token: str, states: Sequence[JobState] = ()
    ) -> Page[Job]:
        """Return a page of jobs, latest first; the dataset `-` means all of the workspace."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        mark = list_pages.request_mark("jobs", dataset, *states)
        before = _key(list_pages.list_position(page_token, mark))
        rows, more = await self._store.read(lambda sql: job_rows.page(sql, dataset, states, before, size))
        token = list_pages.list_token(mark, str(rows[-1].key)) if more else ""
        return Page(tuple(map(job_rows.from_row, rows)), token)

    async def create_job(self, spec: JobSpec, *, request_id: str = "", dry_run: bool = False) -> Job:
        """Start a job, or estimate what it would do."""
        check_length(spec.description, self._limits.max_description_chars, "job.description")
        _check_concurrency(spec.concurrency)
        check_work(spec)
        if dry_run:
            return await self._estimate(spec)
        repeat = RequestId.of(spec.version.dataset.workspace, request_id, "create job", spec)
        pinned, key_id = await self._pinned(spec), context.key_id()
        change = Repeatable(
            make=lambda sql: job_rows.create(sql, pinned, self._limits.job_concurrency, key_id),
            answer=lambda made: made.name.id,
            recall=lambda sql, made: job_rows.get(sql, JobName(spec.version.dataset, str(made))),
        )
        job = await self._store.write(lambda sql: repeat.once(sql, change))
        await self._begin(job.name)
        return job

    async def update_job(self, name: JobName, *, description: str | None, concurrency: int | None) -> Job:
        """Change the description of a job, or how many batches it works on at once; None stays."""
        if description is None and concurrency is None:
            raise invalid("update_mask", "there is nothing to change")
        check_length(description or "", self._limits.max_description_chars, "job.description")
        _check_concurrency(concurrency or 0)
        given = {"description": description, "concurrency": concurrency or None}
        return await self._change(
            name,
            lambda sql, row: job_rows.change(sql, row.key, **{key: it for key, it in given.items() if it is not None}),
        )

    async def delete_job(self, name: JobName) -> None:
        """Delete a job that has ended, and its ledger."""

        def delete(sql: Connection) -> None:
            row = job_rows.row_of(sql, name)
            _check_state(row, JobState(row.state).has_ended, "deleted before it has ended")
            job_rows.delete(sql, row.key)

        await self._store.write(delete)

    async def pause_job(self, name: JobName) -> Job:
        """Let a job rest after the files that are at work."""

        def pause(sql: Connection, row: Row[Any]) -> None:
            _check_state(row, row.state in {JobState.PENDING, JobState.RUNNING}, "paused")
            job_rows.change(sql, row.key, wanted="pause")

        return await self._change(name, pause)

    async def resume_job(self, name: JobName) -> Job:
        """Let a paused job go on."""

        def resume(sql: Connection, row: Row[Any]) -> None:
            _check_state(row, row.state == JobState.PAUSED, "resumed")
            job_rows.begin_again(sql, row)

        return await self._change(name, resume, begin=True)

    async def cancel_job(self, name: JobName) -> Job:
        """Stop a job for good."""

        def cancel(sql: Connection, row: Row[Any]) -> None:
            _check_state(row, not JobState(row.state).has_ended, "cancelled")
            if row.state == JobState.PAUSED:
                job_rows.end(sql, row.key, JobState.MANUALLY_STOPPED)
            else:
                job_rows.change(sql, row.key, wanted="cancel")

        return await self._change(name, cancel)

    async def retry_job(self, name: JobName) -> Job:
        """Work on the failed files of an ended job again."""

        def retry(sql: Connection, row: Row[Any]) -> None:
            _check_state(row, JobState(row.state).has_ended, "retried")
            if not ledger.retry_failed(sql, row.key):
                _check_state(row, False, "retried: no file of it failed")
            job_rows.begin_again(sql, row)

        return await self._change(name, retry, begin=True)

    async def watch_job(self, name: JobName) -> AsyncIterator[Job]:
        """Yield a job whenever it changes, until it has ended or rests."""
        before = None
        while True:
            job = await self.get_job(name)
            if job != before:
                yield job
            if job.state.has_ended or job.state is JobState.PAUSED:
                return
            before = job
            await self._signals.changed(name.id, WATCH_SECONDS)

    async def list_job_files(
        self, name: JobName, page_size: int, page_token: str, states: Sequence[JobFileState] = ()
    ) -> Page[JobFile]:
        """Return a page of what became of the files of a job, by URI."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        mark = list_pages.request_mark("job files", name, *states)
        after = list_pages.list_position(page_token, mark)
        row = await self._store.read(lambda sql: job_rows.row_of(sql, name))
        found, more = await self._store.read(lambda sql: ledger.page(sql, row.key, states, after, size))
        return Page(tuple(found), list_pages.list_token(mark, found[-1].uri) if more else "")

    async def _change(self, name: JobName, change: Any, *, begin: bool = False) -> Job:
        def run(sql: Connection) -> Job:
            change(sql, job_rows.row_of(sql, name))
            return job_rows.get(sql, name)

        job = await self._store.write(run)
        if begin:
            await self._begin(name)
        self._signals.tell(name.id)
        return job

    async def _begin(self, name: JobName) -> None:
        row = await self._store.read(lambda sql: job_rows.row_of(sql, name))
        if row.state == JobState.PENDING:
            await self._runner.start(row.id, row.run)

    async def _pinned(self, spec: JobSpec) -> JobSpec:
        """Return the job with nothing left open."""
        kind = work_to_json(spec.work)["kind"]
        if kind not in self._plans:
            return spec
        version = await self._store.read(lambda sql: job_rows.workable(sql, spec))
        planned = Planned(version.key, spec.version, spec.work, spec.mode)
        return replace(spec, work=await self._plans[kind].pinned(planned))

    async def _estimate(self, spec: JobSpec) -> Job:
        """Return the job as it would be: what it would do, and how long at the rate of the last one of its kind."""
        version = await self._store.read(lambda sql: job_rows.workable(sql, spec))
        kind = work_to_json(spec.work)["kind"]
        planned = Planned(version.key, spec.version, spec.work, spec.mode)
        found = await self._foreseeing[kind].foreseen(planned)
        rate = await self._store.read(lambda sql: job_rows.last_rate(sql, kind))
        left = round((found.total - found.skipped) / rate * 1000) if rate else None
        return Job(
            JobName(spec.version.dataset, "planned"),
            spec,
            JobState.PENDING,
            moments.from_micros(moments.now()),
            found.total,
            skipped_count=found.skipped,
            rate=rate,
            remaining_ms=left,
            plan=found.plan,
        )


def _key(position: str) -> int:
    if not position:
        return LARGEST_KEY
    if not (position.isascii() and position.isdecimal() and len(position) <= 18):
        raise list_pages.invalid()
    return int(position)


def _check_concurrency(concurrency: int) -> None:
    if not 0 <= concurrency <= MOST_CONCURRENCY:
        raise invalid("job.concurrency", f"{concurrency} is not between 0 and {MOST_CONCURRENCY}")


def _check_state(row: Row[Any], fits: bool, what: str) -> None:
    if not fits:
        raise FailedPrecondition(
            f"{row.id} is {row.state}: it cannot be {what}", reason=Reason.STATE_UNFIT, metadata={"state": row.state}
        )
