"""The part of the client that lets collections be worked on: new indexes, snapshots, other models."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable

from sensorium.client.calling import Caller
from sensorium.client.connection import Backends
from sensorium.client.paging import each_of
from sensorium.errors import DeadlineExceeded, Unavailable
from sensorium.model.job import (
    CollectionJob,
    JobRequest,
    ReembedWork,
    ReindexWork,
    RestoreWork,
    Snapshot,
    SnapshotWork,
    Work,
)
from sensorium.model.names import CollectionName, JobName, SnapshotName
from sensorium.model.search import Page

PAGE_SIZE = 100
_WATCHES = 5
_PAUSE_SECONDS = 1.0

OnJob = Callable[[CollectionJob], None]


def _to_nobody(_job: CollectionJob) -> None:
    """Pass over news."""


class JobMethods(ABC):
    """What `AsyncClient` does with jobs and snapshots."""

    _call: Caller
    _workspace: str

    @property
    @abstractmethod
    def _backends(self) -> Backends: ...

    @abstractmethod
    def _name(self, collection: str) -> CollectionName: ...

    async def reindex(self, collection: str, *, on_change: OnJob = _to_nobody) -> CollectionJob:
        """Build the index of a collection again, and wait for it; searches and writes go on.

        Raises:
            SensoriumError: The job failed.
        """
        return await self._done(self._name(collection), ReindexWork(), on_change)

    async def make_snapshot(
        self, collection: str, snapshot: str = "", *, on_change: OnJob = _to_nobody
    ) -> CollectionJob:
        """Copy a collection as it is at one moment, and wait for it; an empty id is made from the time.

        Raises:
            AlreadyExists: There is a snapshot of this id.
        """
        return await self._done(self._name(collection), SnapshotWork(snapshot), on_change)

    async def restore_snapshot(
        self, collection: str, snapshot: str, new_collection: str, *, on_change: OnJob = _to_nobody
    ) -> CollectionJob:
        """Make a new collection from a snapshot of another, which need not exist any more, and wait for it.

        Raises:
            AlreadyExists: The new collection exists.
            DataLoss: The snapshot is damaged; nothing was made.
        """
        name = self._name(collection)
        return await self._done(name, RestoreWork(SnapshotName(name, snapshot), new_collection), on_change)

    def snapshots(self, collection: str) -> AsyncIterator[Snapshot]:
        """Yield the snapshots of a collection, latest first."""
        name = self._name(collection)

        async def page(token: str) -> Page[Snapshot]:
            return await self._call(lambda: self._backends.searcher.list_snapshots(name, PAGE_SIZE, token))

        return each_of(page)

    async def delete_snapshot(self, collection: str, snapshot: str) -> None:
        """Delete a snapshot. Raises NotFound."""
        name = SnapshotName(self._name(collection), snapshot)
        await self._call(lambda: self._backends.searcher.delete_snapshot(name))

    def jobs(self, collection: str = "") -> AsyncIterator[CollectionJob]:
        """Yield the jobs on a collection, or on all of the workspace, latest first."""
        name = self._name(collection) if collection else CollectionName(self._workspace, "")

        async def page(token: str) -> Page[CollectionJob]:
            return await self._call(
                lambda: self._backends.searcher.list_jobs(name.workspace, name.id, PAGE_SIZE, token)
            )

        return each_of(page)

    async def cancel_job(self, collection: str, job: str) -> CollectionJob:
        """Let a job stop soon. Raises NotFound, and FailedPrecondition when it has ended."""
        name = JobName(self._name(collection), job)
        return await self._call(lambda: self._backends.searcher.cancel_job(name))

    def watch_job(self, collection: str, job: str) -> AsyncIterator[CollectionJob]:
        """Yield a job whenever it changes, until it has ended; a stream that breaks is opened again."""
        return self._watched(JobName(self._name(collection), job))

    async def _watched(self, name: JobName) -> AsyncIterator[CollectionJob]:
        faults, ended = 0, False
        while True:
            try:
                async for each in self._backends.searcher.watch_job(name):
                    faults, ended = 0, each.state.ended
                    yield each
                if ended:
                    return
            except (Unavailable, DeadlineExceeded):
                faults += 1
                if faults > _WATCHES:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)

    async def reembed(
        self,
        collection: str,
        new_collection: str,
        *,
        model: str,
        source_attribute: str,
        alias: str = "",
        on_change: OnJob = _to_nobody,
    ) -> CollectionJob:
        """Embed the documents of a collection with another model into a new one, point an alias at it, and wait.

        What is written to the old collection meanwhile is looked at once more at the end; what is deleted from it stays
        in the new one.

        Args:
            collection: What is read.
            new_collection: The id of what is made, with the same declared attributes.
            model: Embeds the documents.
            source_attribute: The attribute that holds the text of a document, or the URI of its image or sound.
            alias: The id of what to point at the new collection when every document is in; may be empty.
            on_change: Told whenever the job changes.

        Raises:
            AlreadyExists: The new collection exists.
            NotFound: There is no such collection or model.
            FailedPrecondition: Documents could not be embedded: the others are in the new collection, no alias was set.
        """
        work = ReembedWork(model, new_collection, source_attribute, alias)
        return await self._done(self._name(collection), work, on_change)

    async def _done(self, collection: CollectionName, work: Work, on_change: OnJob) -> CollectionJob:
        job = await self._call(lambda: self._backends.searcher.create_job(JobRequest(collection, work)))
        on_change(job)
        async for each in self._watched(job.name):
            job = each
            on_change(job)
        if job.error:
            raise job.error
        return job
