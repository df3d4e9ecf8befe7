"""The part of the client that lets collections be worked on: new indexes, snapshots, other models."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from sensorium.client.calling import Caller
from sensorium.client.connection import Backends
from sensorium.client.documents import Document
from sensorium.client.paging import each_of
from sensorium.client.upserts import UpsertReport
from sensorium.errors import DeadlineExceeded, FailedPrecondition, NotFound, Reason, Unavailable
from sensorium.model.collection import Alias, AttributeField, Collection
from sensorium.model.job import CollectionJob, JobRequest, ReindexWork, RestoreWork, Snapshot, SnapshotWork, Work
from sensorium.model.names import CollectionName, JobName, SnapshotName
from sensorium.model.search import Page

PAGE_SIZE = 100
BATCH_ITEMS = 256
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

    @abstractmethod
    async def get_collection(self, collection: str) -> Collection:
        """Return one collection."""

    @abstractmethod
    async def create_collection(
        self, collection: str, *, model: str = "", description: str = "", attributes: Sequence[AttributeField] = ()
    ) -> Collection:
        """Create a collection."""

    @abstractmethod
    def documents(self, collection: str) -> AsyncIterator[Document]:
        """Yield the documents of a collection."""

    @abstractmethod
    async def upsert(self, collection: str, documents: Iterable[Document]) -> UpsertReport:
        """Create or replace documents."""

    @abstractmethod
    async def set_alias(self, alias: str, collection: str) -> Alias:
        """Point an alias at a collection."""

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
        faults = 0
        while True:
            try:
                async for each in self._backends.searcher.watch_job(name):
                    faults = 0
                    yield each
                    if each.state.ended:
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
        on_batch: Callable[[UpsertReport], None] | None = None,
    ) -> UpsertReport:
        """Embed the documents of a collection with another model into a new one, and point an alias at that.

        A repeat goes on with the new collection: writing a document twice is harmless. Writes to the old collection
        meanwhile may be missed; repeat it until there are none, then switch.

        Args:
            collection: What is read.
            new_collection: What is made, with the same declared attributes, or filled further.
            model: Embeds the documents.
            source_attribute: The attribute that holds the text of a document.
            alias: What to point at the new collection; not when a document failed.
            on_batch: Called with the outcome of each batch.

        Raises:
            FailedPrecondition: The new collection is there with another model.
        """
        old = await self._call(lambda: self._backends.searcher.get_collection(self._name(collection)))
        await self._prepare(old, new_collection, model)
        reports: list[UpsertReport] = []
        async for batch in _batches(self.documents(collection)):
            report = await self.upsert(new_collection, [_with_text(each, source_attribute) for each in batch])
            reports.append(report)
            if on_batch:
                on_batch(report)
        joined = UpsertReport.joined(reports)
        if alias and not joined.errors:
            await self.set_alias(alias, new_collection)
        return joined

    async def _prepare(self, old: Collection, new_collection: str, model: str) -> None:
        """Make the new collection, or check that what is there will do."""
        try:
            found = await self.get_collection(new_collection)
        except NotFound:
            description, attributes = old.description, old.attributes
            await self.create_collection(new_collection, model=model, description=description, attributes=attributes)
            return
        if found.model != model:
            raise FailedPrecondition(
                f"the collection {new_collection!r} holds vectors of {found.model or 'no model'!r}, not {model!r}",
                reason=Reason.MODEL_MISMATCH,
            )

    async def _done(self, collection: CollectionName, work: Work, on_change: OnJob) -> CollectionJob:
        job = await self._call(lambda: self._backends.searcher.create_job(JobRequest(collection, work)))
        on_change(job)
        async for each in self._watched(job.name):
            job = each
            on_change(job)
        if job.error:
            raise job.error
        return job


async def _batches(documents: AsyncIterator[Document]) -> AsyncIterator[list[Document]]:
    batch: list[Document] = []
    async for each in documents:
        batch.append(each)
        if len(batch) == BATCH_ITEMS:
            yield batch
            batch = []
    if batch:
        yield batch


def _with_text(document: Document, attribute: str) -> Document:
    """Return what is to be written of a document that was read; without a text it is refused as one without content."""
    text = document.attributes.get(attribute)
    return Document(
        document.id,
        text if isinstance(text, str) else "",
        tags=document.tags,
        attributes=document.attributes,
    )
