"""Runs the jobs of the search service, a few at a time; one that was at work when the process ended begins again."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection

from sensorium.errors import AlreadyExists, FailedPrecondition, Internal, Reason, SensoriumError
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
from sensorium.model.names import CollectionName, JobName, SnapshotName, check_id
from sensorium.model.search import Page
from sensorium.search import collections, jobs, snapshots
from sensorium.search.leases import Leases
from sensorium.search.library import Library
from sensorium.search.progress import Progress, Stopped
from sensorium.search.reembedding_check import check_driver, check_reembedding
from sensorium.search.snapshot_shelf import SnapshotShelf
from sensorium.storage import list_pages
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

log = structlog.get_logger(__name__)
_LATEST = (1 << 63) - 1


@dataclass(slots=True)
class _Running:
    """A job at work or in its queue: where it stands, how to stop it, and who waits for news of it."""

    job: CollectionJob
    progress: Progress
    changed: asyncio.Event
    cancelled: bool = False


class JobRunner:
    """Starts, follows and ends jobs; works while its context is open.

    Args:
        store: Where jobs are kept.
        library: The indexes.
        shelf: The snapshots.
        slots: Jobs at work at once.
        max_page_size: The most jobs of one page.
    """

    def __init__(self, store: Store, library: Library, shelf: SnapshotShelf, *, slots: int, max_page_size: int) -> None:
        self._store = store
        self._library = library
        self._shelf = shelf
        self._max_page_size = max_page_size
        self._slots = asyncio.Semaphore(slots)
        self._creating = asyncio.Lock()
        self._running: dict[str, _Running] = {}
        self._leases = Leases()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Let jobs that did not end begin again."""
        await self._store.write(collections.drop_hidden)
        for job in await self._store.read(jobs.unfinished):
            self._begin(job)

    async def close(self) -> None:
        """Stop what is at work; the next start goes on with it."""
        for running in self._running.values():
            running.progress.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def create(self, request: JobRequest) -> CollectionJob:
        """Start a job; a repeat of the request returns what it started.

        Raises:
            AlreadyExists: Such work is under way, or what it would make exists.
            NotFound: There is no such collection or snapshot.
        """
        async with self._creating:
            if repeated := await self._store.read(lambda connection: jobs.repeated(connection, request)):
                return repeated
            prepared = replace(request, work=await self._checked(request))
            job = await self._store.write(lambda connection: jobs.create(connection, prepared))
            self._begin(job)
            return job

    async def get(self, name: JobName) -> CollectionJob:
        """Return one job. Raises NotFound."""
        stored = await self._store.read(lambda connection: jobs.read(connection, name))
        running = self._running.get(name.id)
        return running.job if running else stored

    async def page(self, workspace: str, collection: str, page_size: int, page_token: str) -> Page[CollectionJob]:
        """Return a page of jobs, latest first; an empty `collection` means all of the workspace."""
        size = list_pages.checked_size(page_size, self._max_page_size)
        mark = list_pages.request_mark("jobs", workspace, collection)
        before = list_pages.list_number(page_token, mark, _LATEST)
        found = await self._store.read(
            lambda connection: jobs.page(connection, workspace, collection, before=before, limit=size + 1)
        )
        token = list_pages.list_token(mark, str(found[size - 1][0])) if len(found) > size else ""
        shown = (self._running[job.name.id].job if job.name.id in self._running else job for _, job in found[:size])
        return Page(tuple(shown), token)

    async def cancel(self, name: JobName) -> CollectionJob:
        """Let a job stop soon.

        Raises:
            NotFound: There is none.
            FailedPrecondition: STATE_UNFIT: it has ended.
        """
        job = await self.get(name)
        running = self._running.get(name.id)
        if job.state.ended or not running:
            raise FailedPrecondition(
                f"{name} has ended: it {job.state}", reason=Reason.STATE_UNFIT, metadata={"state": job.state.value}
            )
        if isinstance(job.work, ReembedWork):  # Its driver learns of it by its next report.
            return await self._end(running, JobState.CANCELLED, None)
        running.cancelled = True
        running.progress.stop()
        return running.job

    async def drive(self, driver: str, driven: Driven | None) -> Driven | None:
        """Take note of what `driver` reports on a re-embedding, and return it as it is; or hand one out.

        Raises:
            InvalidArgument: The driver or the position is too long, or empty.
            NotFound: There is no such job.
            FailedPrecondition: STATE_UNFIT: another drives it, or it is not a job to drive.
        """
        check_driver(driver, driven)
        if driven is None:
            return await self._hand_out(driver)
        job = await self.get(driven.job.name)
        running = self._running.get(job.name.id)
        if running is None:
            return Driven(job, driven.position)
        if not (isinstance(job.work, ReembedWork) and self._leases.take(job.name.id, driver)):
            raise FailedPrecondition(
                f"another drives {job.name}", reason=Reason.STATE_UNFIT, metadata={"state": job.state.value}
            )
        return await self._note(running, driven)

    async def _hand_out(self, driver: str) -> Driven | None:
        waiting = (each.job for each in self._running.values() if isinstance(each.job.work, ReembedWork))
        job = next((each for each in waiting if self._leases.take(each.name.id, driver)), None)
        if job is None:
            return None
        return Driven(job, await self._store.read(lambda connection: jobs.position(connection, job.name)))

    async def _note(self, running: _Running, driven: Driven) -> Driven:
        told, name = driven.job, running.job.name
        state = running.job.state if told.state.ended else JobState.RUNNING
        self._tell(
            name.id,
            state=state,
            done_count=told.done_count,
            total_count=told.total_count,
            failed_count=told.failed_count,
        )
        if told.state.ended:
            return Driven(await self._end(running, told.state, told.error), driven.position)
        job = running.job

        def note(connection: Connection) -> CollectionJob:
            jobs.keep_position(connection, name, driven.position)
            return jobs.note(connection, job)

        return Driven(await self._store.write(note), driven.position)

    async def watch(self, name: JobName) -> AsyncIterator[CollectionJob]:
        """Yield a job as it is, whenever it changes, until it has ended."""
        while True:
            running = self._running.get(name.id)
            changed = running.changed if running else None
            job = await self.get(name)
            yield job
            if changed is None or job.state.ended:
                return
            await changed.wait()

    async def _checked(self, request: JobRequest) -> Work:
        """Return the work with what it leaves open, if it can be done."""
        match request.work:
            case ReindexWork() as work:
                await self._store.read(lambda connection: collections.get(connection, request.collection))
                return work
            case SnapshotWork(snapshot_id=snapshot_id):
                await self._store.read(lambda connection: collections.get(connection, request.collection))
                name = SnapshotName(request.collection, snapshot_id or f"s{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
                check_id(name.id, "job.snapshot.snapshot_id")
                if await self._store.read(lambda connection: snapshots.exists(connection, name)):
                    raise AlreadyExists(f"{name} exists", metadata={"resource": str(name)})
                return SnapshotWork(name.id)
            case RestoreWork(snapshot=snapshot, collection_id=collection_id) as work:
                check_id(collection_id, "job.restore.collection_id")
                target = CollectionName(request.collection.workspace, collection_id)
                await self._store.read(lambda connection: snapshots.read(connection, snapshot))
                await self._store.read(lambda connection: collections.check_free(connection, target))
                return work
            case ReembedWork() as work:
                await self._store.read(lambda connection: check_reembedding(connection, request.collection, work))
                return work

    def _begin(self, job: CollectionJob) -> None:
        job_id = job.name.id
        running = _Running(job, Progress(lambda done: self._tell(job_id, done_count=done)), asyncio.Event())
        self._running[job_id] = running
        if isinstance(job.work, ReembedWork):  # A gateway asks for it.
            return
        task = asyncio.create_task(self._run(running), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, job_id: str, **news: object) -> None:
        if running := self._running.get(job_id):
            running.job = replace(running.job, **news)  # type: ignore[arg-type]
            running.changed.set()
            running.changed = asyncio.Event()

    async def _run(self, running: _Running) -> None:
        job_id, state, error = running.job.name.id, JobState.SUCCEEDED, None
        try:
            async with self._slots:
                self._tell(job_id, state=JobState.RUNNING)
                await self._store.write(lambda connection: jobs.note(connection, running.job))
                await self._work(running)
        except Stopped:
            if not running.cancelled:  # The process ends; the next one begins again.
                return
            state = JobState.CANCELLED
        except SensoriumError as fault:
            state, error = JobState.FAILED, fault
        except Exception:
            log.exception("job_failed", job=str(running.job.name))
            state, error = JobState.FAILED, Internal("the job could not be done")
        await self._end(running, state, error)

    async def _end(self, running: _Running, state: JobState, error: SensoriumError | None) -> CollectionJob:
        done = max(running.progress.done, running.job.done_count)
        ended = replace(running.job, state=state, error=error, done_count=done)
        stored = await self._store.write(lambda connection: jobs.note(connection, ended), Terms(frees=True))
        log.info("job_ended", job=str(stored.name), state=stored.state.value, done=done)
        running.job = stored
        self._running.pop(stored.name.id, None)
        self._leases.end(stored.name.id)
        running.changed.set()
        return stored

    async def _work(self, running: _Running) -> None:
        name, progress = running.job.name.collection, running.progress
        match running.job.work:
            case ReindexWork():
                stored = await self._store.read(lambda connection: collections.get(connection, name))
                self._tell(running.job.name.id, total_count=stored.collection.document_count)
                await self._library.rebuild(name, progress.advance)
            case SnapshotWork(snapshot_id=snapshot_id):
                stored = await self._store.read(lambda connection: collections.get(connection, name))
                self._tell(running.job.name.id, total_count=stored.collection.document_count)
                await self._shelf.make(SnapshotName(name, snapshot_id), stored, progress.advance)
            case RestoreWork(snapshot=snapshot, collection_id=collection_id):
                found, _ = await self._store.read(lambda connection: snapshots.read(connection, snapshot))
                self._tell(running.job.name.id, total_count=found.document_count)
                target = CollectionName(name.workspace, collection_id)
                await self._shelf.restore(snapshot, target, progress.advance)
                async with self._library.use(target):  # So that the first search need not wait for its index.
                    pass
