"""The search service: what the port promises, on a store that is the truth and indexes that follow it."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextvars import Context
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import structlog
from sqlalchemy import Connection

from sensorium import context
from sensorium.context import Stage
from sensorium.errors import InvalidArgument, SensoriumError
from sensorium.filters.printer import canonical
from sensorium.model.collection import Alias, Collection, CollectionSpec, CollectionUpdate
from sensorium.model.count_check import check_count
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Priority, Timings
from sensorium.model.job import CollectionJob, Driven, JobRequest, RestoreWork, Snapshot
from sensorium.model.names import AliasName, CollectionName, JobName, SnapshotName, check_id
from sensorium.model.search import (
    EVERY_DOCUMENT,
    ChangeRequest,
    Page,
    SearchPlan,
    SearchRequest,
    SearchResponse,
    Selection,
    UpsertRequest,
    UpsertResponse,
)
from sensorium.search import collections, declaring, documents, matches, ranking
from sensorium.search.alias_book import AliasBook
from sensorium.search.collection_check import check_spec, check_update
from sensorium.search.collections import StoredCollection
from sensorium.search.declaring import change_step
from sensorium.search.document_check import checked_id
from sensorium.search.documents import no_document
from sensorium.search.explanation import explain
from sensorium.search.job_runner import JobRunner
from sensorium.search.library import Library
from sensorium.search.open_collection import OpenCollection
from sensorium.search.query import query_vector, references
from sensorium.search.ranking import CheckedSearch, Ranked
from sensorium.search.selection import read_selection
from sensorium.search.snapshot_shelf import SnapshotShelf
from sensorium.search.unbroken import Unbroken
from sensorium.search.writes import DocumentWrites
from sensorium.settings import SearchSettings
from sensorium.storage import list_pages
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

InCollection = TypeVar("InCollection", JobName, SnapshotName)
log = structlog.get_logger(__name__)
# Hits beyond top-k to fetch when some were deleted while the search ran.
SPARES = (0, 64, 1024)
PURGE_SIZE = 1000


class SearchService:
    """Keeps documents and finds them; implements `ports.Searcher`.

    A write is committed to the store, then applied to the index, then answered: what was answered is durable and
    found. The service works while its context is open; the store must outlive it.

    Args:
        store: An open store.
        library: Its collections and their indexes; closed by this service.
        shelf: Its snapshots; closed by this service.
        limits: What requests may hold.
    """

    def __init__(self, store: Store, library: Library, shelf: SnapshotShelf, limits: SearchSettings) -> None:
        self._store = store
        self._library = library
        self._limits = limits
        self._aliases = AliasBook(store, limits.max_page_size)
        self._unbroken = Unbroken()
        self._writes = DocumentWrites(store, library, limits, self._unbroken)
        self._shelf = shelf
        self._jobs = JobRunner(store, library, shelf, slots=limits.job_slots, max_page_size=limits.max_page_size)
        self._chores: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._aliases.load()
        await self._library.tidy()
        await self._jobs.start()
        self._begin_chore(self._purge())
        self._begin_chore(self._library.open_all())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._jobs.close()
        await self._unbroken.settle()
        await self._library.close()
        self._shelf.close()
        self._writes.close()

    async def get_collection(self, name: CollectionName) -> Collection:
        """Return one collection."""
        return self._as_it_is((await self._stored(name)).collection)

    async def list_collections(self, workspace: str, page_size: int, page_token: str) -> Page[Collection]:
        """Return a page of the workspace's collections, by id."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        mark = list_pages.request_mark("collections", workspace)
        after = list_pages.list_position(page_token, mark)
        found = await self._store.read(lambda connection: collections.page(connection, workspace, after, size + 1))
        token = list_pages.list_token(mark, found[size - 1].id) if len(found) > size else ""
        return Page(tuple(map(self._as_it_is, found[:size])), token)

    async def create_collection(
        self, name: CollectionName, spec: CollectionSpec, *, request_id: str = ""
    ) -> Collection:
        """Create a collection.

        Raises:
            InvalidArgument: A field of `spec` is wrong, or it names a model and no dimension.
            AlreadyExists: There is one of this name, and another request created it.
        """
        check_id(name.id, "collection_id")
        check_spec(spec, self._limits)
        return await self._store.write(lambda connection: collections.create(connection, name, spec, request_id))

    async def update_collection(self, update: CollectionUpdate) -> Collection:
        """Change a collection. Filters on an attribute that is new are right at once, for all documents.

        Raises:
            InvalidArgument: A field is wrong, or a document has a value of another type.
            Aborted: CONFLICT, when the etag is that of an earlier state.
        """
        check_update(update, self._limits)
        named = replace(update, name=self._aliases.resolve(update.name))
        return await self._unbroken.run(self._change_collection(named))

    async def delete_collection(self, name: CollectionName, *, force: bool) -> None:
        """Delete a collection.

        Raises:
            FailedPrecondition: COLLECTION_NOT_EMPTY, when it holds documents and `force` is false; COLLECTION_IN_USE,
                when an alias stands for it.
        """
        name = self._aliases.resolve(name)
        gone = await self._store.write(
            lambda connection: collections.mark_deleted(connection, name, force=force), Terms.of_call(frees=True)
        )
        await self._library.forget(gone)
        self._begin_chore(self._purge())

    async def get_alias(self, name: AliasName) -> Alias:
        """Return one alias."""
        return await self._aliases.get(name)

    async def list_aliases(self, workspace: str, page_size: int, page_token: str) -> Page[Alias]:
        """Return a page of the workspace's aliases, by id."""
        return await self._aliases.page(workspace, page_size, page_token)

    async def set_alias(self, name: AliasName, collection: CollectionName) -> Alias:
        """Point an alias at a collection for all calls that begin later; make it when there is none.

        Raises:
            InvalidArgument: The id is none, or the collection is of another workspace.
            AlreadyExists: A collection has this id.
        """
        check_id(name.id, "alias.name")
        return await self._unbroken.run(self._aliases.put(name, collection))

    async def delete_alias(self, name: AliasName) -> None:
        """Delete an alias; the collection stays."""
        await self._unbroken.run(self._aliases.remove(name))

    async def create_job(self, request: JobRequest) -> CollectionJob:
        """Start long work on a collection.

        Raises:
            AlreadyExists: Such work is under way, or what it would make exists.
        """
        named = replace(request, collection=self._aliases.resolve(request.collection))
        if isinstance(named.work, RestoreWork):
            named = replace(named, work=replace(named.work, snapshot=self._meant(named.work.snapshot)))
        return await self._unbroken.run(self._jobs.create(named))

    async def get_job(self, name: JobName) -> CollectionJob:
        """Return one job."""
        return await self._jobs.get(self._meant(name))

    async def list_jobs(self, workspace: str, collection: str, page_size: int, page_token: str) -> Page[CollectionJob]:
        """Return a page of jobs, latest first; an empty `collection` means all of the workspace."""
        meant = self._aliases.resolve(CollectionName(workspace, collection)).id
        return await self._jobs.page(workspace, meant, page_size, page_token)

    async def cancel_job(self, name: JobName) -> CollectionJob:
        """Let a job stop soon. Raises FailedPrecondition when it has ended."""
        return await self._jobs.cancel(self._meant(name))

    def watch_job(self, name: JobName) -> AsyncIterator[CollectionJob]:
        """Yield a job as it is, whenever it changes, until it has ended."""
        return self._jobs.watch(self._meant(name))

    async def drive_job(self, driver: str, driven: Driven | None = None) -> Driven | None:
        """Report on the re-embedding that `driver` drives, and return it as it is; or ask for one that nobody drives.

        Raises:
            FailedPrecondition: STATE_UNFIT: another drives the job.
        """
        return await self._unbroken.run(self._jobs.drive(driver, driven))

    async def list_snapshots(self, collection: CollectionName, page_size: int, page_token: str) -> Page[Snapshot]:
        """Return a page of the snapshots of a collection, latest first; it need not exist any more."""
        return await self._shelf.page(self._aliases.resolve(collection), page_size, page_token)

    async def delete_snapshot(self, name: SnapshotName) -> None:
        """Delete a snapshot."""
        await self._unbroken.run(self._shelf.remove(self._meant(name)))

    async def get_documents(
        self, collection: CollectionName, ids: Sequence[str], view: DocumentView
    ) -> Sequence[Document | SensoriumError]:
        """Return a document or an error for each id, in order."""
        check_count("names", len(ids), self._limits.max_gets)
        faults = [_fault(each, f"names[{index}]") for index, each in enumerate(ids)]
        good = [each for each, fault in zip(ids, faults, strict=True) if fault is None]

        stands_for = self._aliases.resolve(collection)

        def read(connection: Connection) -> dict[str, Document]:
            return documents.by_ids(connection, collections.get(connection, stands_for), good, view)

        found = await self._store.read(read)
        return [
            fault or found.get(each) or no_document(collection, each) for each, fault in zip(ids, faults, strict=True)
        ]

    async def list_documents(
        self,
        collection: CollectionName,
        page_size: int,
        page_token: str,
        view: DocumentView,
        selection: Selection = EVERY_DOCUMENT,
    ) -> Page[Document]:
        """Return a page of the selected documents, by id."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        stands_for = self._aliases.resolve(collection)

        def read(connection: Connection) -> Page[Document]:
            stored = collections.get(connection, stands_for)
            part = read_selection(selection, stored.collection, self._limits)
            mark = list_pages.request_mark("documents", stored.uid, canonical(part))
            after = list_pages.list_position(page_token, mark)
            found = documents.page(connection, stored, part, after=after, limit=size + 1, view=view)
            token = list_pages.list_token(mark, found[size - 1].id) if len(found) > size else ""
            return Page(tuple(found[:size]), token)

        return await self._store.read(read)

    async def count_documents(self, collection: CollectionName, selection: Selection = EVERY_DOCUMENT) -> int:
        """Return the number of selected documents."""
        stands_for = self._aliases.resolve(collection)

        def read(connection: Connection) -> int:
            stored = collections.get(connection, stands_for)
            return matches.count(connection, stored, read_selection(selection, stored.collection, self._limits))

        return await self._store.read(read)

    async def upsert_documents(self, request: UpsertRequest) -> UpsertResponse:
        """Create or replace documents; the good ones are durable and visible to searches on return.

        When an id stands twice the later one is written.

        Raises:
            FailedPrecondition: MODEL_MISMATCH, or CONTENT_NOT_EMBEDDED for a document with a content.
        """
        started = time.monotonic()
        check_count("documents", len(request.documents), self._limits.max_items)
        stored = await self._stored(request.collection)
        ranking.check_model(stored.collection, request.model, request.model_revision)
        outcomes = await self._writes.put(stored, request.documents, bulk=request.priority is Priority.BULK)
        return UpsertResponse(tuple(outcomes), timings=_timings(started))

    async def upsert_stream(self, requests: AsyncIterator[UpsertRequest]) -> AsyncIterator[UpsertResponse]:
        """Yield the outcome of each request as soon as it is durable, in order; one is read when it is its turn."""
        async for request in requests:
            yield await self.upsert_documents(request)

    async def change_documents(self, request: ChangeRequest) -> Sequence[SensoriumError | None]:
        """Change tags and attributes of documents, in order; the good ones are durable and visible on return.

        A document that does not exist is an error of its own.
        """
        check_count("documents", len(request.documents), self._limits.max_items)
        stored = await self._stored(request.collection)
        return await self._writes.change(stored, request.documents, request.mask)

    async def delete_documents(self, collection: CollectionName, ids: Sequence[str]) -> int:
        """Delete documents; return how many existed. Searches that start later do not find them."""
        check_count("names", len(ids), self._limits.max_deletes)
        unique = list(dict.fromkeys(checked_id(each, f"names[{index}]") for index, each in enumerate(ids)))
        stored = await self._stored(collection)
        return await self._writes.remove(stored, unique)

    async def delete_selected(self, collection: CollectionName, selection: Selection) -> int:
        """Delete the selected documents that exist now; return how many. Searches that start later do not find them.

        Raises:
            InvalidArgument: The selection is everything, or cannot be understood.
        """
        if selection.is_everything:
            raise InvalidArgument("filter: names, a filter or tags are needed", field="filter")
        stored = await self._stored(collection)
        part = read_selection(selection, stored.collection, self._limits)
        return await self._writes.remove_selected(stored, part)

    async def search(self, request: SearchRequest) -> SearchResponse:
        """Return the documents nearest to the query: min(top_k, matches) of them, by score and then by id.

        Raises:
            InvalidArgument: A field, a vector, the filter or the page token is wrong.
            NotFound: The query refers to a document that does not exist.
            FailedPrecondition: MODEL_MISMATCH, or CONTENT_NOT_EMBEDDED.
            Unimplemented: It brings sparse vectors.
        """
        started = time.monotonic()
        checked = ranking.check_request(request, self._limits)
        name = self._aliases.resolve(request.collection)
        for spare in SPARES:
            ranked = await self._library.run(name, partial(self._rank, checked, spare))
            if not ranked.incomplete:
                break
        return replace(ranked.response, timings=_timings(started))

    async def batch_search(self, requests: Sequence[SearchRequest]) -> Sequence[SearchResponse | SensoriumError]:
        """Return what each search finds, or why it failed, in order."""
        check_count("requests", len(requests), self._limits.max_searches)
        turns = asyncio.Semaphore(self._limits.search_threads)

        async def one(request: SearchRequest) -> SearchResponse | SensoriumError:
            async with turns:
                try:
                    return await self.search(request)
                except SensoriumError as error:
                    return error

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(request)) for request in requests]
        return [task.result() for task in tasks]

    async def explain(self, request: SearchRequest) -> SearchPlan:
        """Return how a search would run, without what it looks for.

        Raises:
            InvalidArgument: A field or the filter is wrong.
            FailedPrecondition: MODEL_MISMATCH.
        """
        checked = ranking.with_defaults(request, self._limits)
        return await self._library.run(self._aliases.resolve(request.collection), partial(self._explain, checked))

    async def _rank(self, request: SearchRequest, spare: int, opened: OpenCollection) -> Ranked:
        stored, index = opened.stored, opened.follower.index
        ranking.check_model(stored.collection, request.model, request.model_revision)
        part = read_selection(request.selection, stored.collection, self._limits)
        named = references(request.query)
        known = (
            await self._store.read(lambda connection: documents.components(connection, stored, named)) if named else {}
        )
        vector = query_vector(request.query, stored.collection, known)
        checked = CheckedSearch(request, part, vector, opened.follower.applied_seq)
        return await self._store.read(lambda connection: ranking.rank(connection, stored, index, checked, spare))

    async def _explain(self, request: SearchRequest, opened: OpenCollection) -> SearchPlan:
        stored, index = opened.stored, opened.follower.index
        ranking.check_model(stored.collection, request.model, request.model_revision)
        part = read_selection(request.selection, stored.collection, self._limits)
        return await self._store.read(lambda connection: explain(connection, stored, index, request, part))

    def _meant(self, name: InCollection) -> InCollection:
        """Return the name in the collection that an alias stands for."""
        return replace(name, collection=self._aliases.resolve(name.collection))

    def _as_it_is(self, collection: Collection) -> Collection:
        """Return `collection` with what its index knows of it."""
        return replace(collection, pending_count=self._library.pending(collection))

    async def _stored(self, name: CollectionName) -> StoredCollection:
        stands_for = self._aliases.resolve(name)
        return await self._store.read(lambda connection: collections.get(connection, stands_for))

    async def _change_collection(self, update: CollectionUpdate) -> Collection:
        """Change a collection little by little, so that no other write waits long."""
        outcome: Collection | int = 0
        while isinstance(outcome, int):
            step = partial(change_step, wanted=update, most=self._limits.max_declared_attributes, after=outcome)
            outcome = await self._store.write(step, Terms.of_call(declaring.CHUNK))
        await self._library.reread(update.name)
        return self._as_it_is(outcome)

    def _begin_chore(self, work: Coroutine[None, None, None]) -> None:
        chore = asyncio.create_task(work, context=Context())
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    async def _purge(self) -> None:
        """Remove what deleted collections left behind, little by little, so that no write waits long."""
        try:
            while await self._store.write(partial(collections.purge, limit=PURGE_SIZE), Terms(bulk=True, frees=True)):
                pass
        except SensoriumError as error:  # The next start tries again.
            log.warning("collection_not_purged", error=error.message)


def _fault(document_id: str, field: str) -> InvalidArgument | None:
    try:
        checked_id(document_id, field)
    except InvalidArgument as error:
        return error
    return None


def _timings(started: float) -> Timings:
    elapsed = time.monotonic() - started
    context.record(Stage.SEARCH, elapsed)
    return Timings(search_ms=elapsed * 1000, total_ms=elapsed * 1000)
