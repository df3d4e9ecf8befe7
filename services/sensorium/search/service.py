"""The search service: what the port promises, on a store that is the truth and indexes that follow it."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from contextvars import Context
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy import Connection

from sensorium import context
from sensorium.context import Stage
from sensorium.errors import InvalidArgument, NotFound, Reason, SensoriumError, Unimplemented
from sensorium.filters.printer import canonical
from sensorium.filters.tree import Filter
from sensorium.model.collection import Collection, CollectionSpec
from sensorium.model.count_check import check_count
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Timings
from sensorium.model.names import CollectionName, check_id
from sensorium.model.search import (
    EVERY_DOCUMENT,
    Page,
    SearchPlan,
    SearchRequest,
    SearchResponse,
    Selection,
    UpsertRequest,
    UpsertResponse,
)
from sensorium.search import collections, documents, matches, ranking
from sensorium.search.collection_check import check_spec
from sensorium.search.collections import StoredCollection
from sensorium.search.document_check import DocumentCheck, checked_id
from sensorium.search.documents import NewDocument
from sensorium.search.explanation import explain
from sensorium.search.library import Library
from sensorium.search.open_collection import OpenCollection
from sensorium.search.query import query_vector, references
from sensorium.search.ranking import CheckedSearch, Ranked
from sensorium.search.selection import read_selection
from sensorium.settings import SearchSettings
from sensorium.storage import list_pages
from sensorium.storage.store import Store
from sensorium.storage.workers import Workers

log = structlog.get_logger(__name__)
# Hits beyond top-k to fetch when some were deleted while the search ran.
SPARES = (0, 64, 1024)
PURGE_SIZE = 1000
DELETE_SIZE = 1000


class SearchService:
    """Keeps documents and finds them; implements `ports.Searcher`.

    A write is committed to the store, then applied to the index, then answered: what was answered is durable and
    found. The service works while its context is open; the store must outlive it.

    Args:
        store: An open store.
        library: Its collections and their indexes; closed by this service.
        limits: What requests may hold.
    """

    def __init__(self, store: Store, library: Library, limits: SearchSettings) -> None:
        self._store = store
        self._library = library
        self._limits = limits
        self._checkers = Workers("search-check", 1)
        self._writes: set[asyncio.Task[int]] = set()
        self._chores: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._library.tidy()
        self._begin_chore(self._purge())
        self._begin_chore(self._library.open_all())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, *self._writes, return_exceptions=True)
        await self._library.close()
        self._checkers.close()

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

    async def delete_collection(self, name: CollectionName, *, force: bool) -> None:
        """Delete a collection.

        Raises:
            FailedPrecondition: COLLECTION_NOT_EMPTY, when it holds documents and `force` is false.
        """
        uid = await self._store.write(lambda connection: collections.mark_deleted(connection, name, force=force))
        await self._library.forget(name, uid)
        self._begin_chore(self._purge())

    async def get_documents(
        self, collection: CollectionName, ids: Sequence[str], view: DocumentView
    ) -> Sequence[Document | SensoriumError]:
        """Return a document or an error for each id, in order."""
        check_count("names", len(ids), self._limits.max_gets)
        faults = [_fault(each, f"names[{index}]") for index, each in enumerate(ids)]
        good = [each for each, fault in zip(ids, faults, strict=True) if fault is None]

        def read(connection: Connection) -> dict[str, Document]:
            return documents.by_ids(connection, collections.get(connection, collection), good, view)

        found = await self._store.read(read)
        return [
            fault or found.get(each) or _no_document(collection, each) for each, fault in zip(ids, faults, strict=True)
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

        def read(connection: Connection) -> Page[Document]:
            stored = collections.get(connection, collection)
            part = read_selection(selection, stored.collection, self._limits)
            mark = list_pages.request_mark("documents", stored.uid, canonical(part))
            after = list_pages.list_position(page_token, mark)
            found = documents.page(connection, stored, part, after=after, limit=size + 1, view=view)
            token = list_pages.list_token(mark, found[size - 1].id) if len(found) > size else ""
            return Page(tuple(found[:size]), token)

        return await self._store.read(read)

    async def count_documents(self, collection: CollectionName, selection: Selection = EVERY_DOCUMENT) -> int:
        """Return the number of selected documents."""

        def read(connection: Connection) -> int:
            stored = collections.get(connection, collection)
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
        check = DocumentCheck(stored.collection, self._limits)
        new, faults = await self._checkers.run(lambda: _checked(check, request.documents))
        if new:
            await self._finish(self._put(request.collection, stored.uid, new))
        return UpsertResponse(tuple(faults), timings=_timings(started))

    async def delete_documents(self, collection: CollectionName, ids: Sequence[str]) -> int:
        """Delete documents; return how many existed. Searches that start later do not find them."""
        check_count("names", len(ids), self._limits.max_deletes)
        unique = list(dict.fromkeys(checked_id(each, f"names[{index}]") for index, each in enumerate(ids)))
        stored = await self._stored(collection)
        return await self._finish(self._remove(collection, stored.uid, unique))

    async def delete_selected(self, collection: CollectionName, selection: Selection) -> int:
        """Delete the selected documents that exist now; return how many. Searches that start later do not find them.

        Raises:
            InvalidArgument: The selection is everything, or cannot be understood.
        """
        if selection.is_everything:
            raise InvalidArgument("filter: names, a filter or tags are needed", field="filter")
        stored = await self._stored(collection)
        part = read_selection(selection, stored.collection, self._limits)
        return await self._finish(self._remove_selected(collection, stored, part))

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
        for spare in SPARES:
            ranked = await self._library.run(request.collection, partial(self._rank, checked, spare))
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
        return await self._library.run(request.collection, partial(self._explain, checked))

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

    def _as_it_is(self, collection: Collection) -> Collection:
        """Return `collection` with what its index knows of it."""
        pending = self._library.pending(CollectionName(collection.workspace, collection.id))
        return replace(collection, pending_count=pending)

    async def _stored(self, name: CollectionName) -> StoredCollection:
        return await self._store.read(lambda connection: collections.get(connection, name))

    async def _put(self, name: CollectionName, uid: str, new: Sequence[NewDocument]) -> int:
        written = await self._store.write(lambda connection: documents.put(connection, name, uid, new), len(new))
        await self._library.catch_up(name, written.seq)
        return written.count

    async def _remove(self, name: CollectionName, uid: str, ids: Sequence[str]) -> int:
        written = await self._store.write(lambda connection: documents.remove(connection, name, uid, ids), len(ids))
        await self._library.catch_up(name, written.seq)
        return written.count

    async def _remove_selected(self, name: CollectionName, stored: StoredCollection, part: Filter) -> int:
        """Delete little by little, so that no other write waits long."""
        count, after, end = 0, 0, stored.last_seq + 1
        while after < end:
            remove = partial(
                documents.remove_matching,
                name=name,
                uid=stored.uid,
                part=part,
                seqs=range(after, end),
                limit=DELETE_SIZE,
            )
            written, after = await self._store.write(remove, DELETE_SIZE)
            await self._library.catch_up(name, written.seq)
            count += written.count
        return count

    async def _finish(self, write: Coroutine[None, None, int]) -> int:
        """Run a write to its end, also when the caller goes away: the index must learn what the store knows."""
        task = asyncio.create_task(write, context=Context())
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    def _begin_chore(self, work: Coroutine[None, None, None]) -> None:
        chore = asyncio.create_task(work, context=Context())
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    async def _purge(self) -> None:
        """Remove what deleted collections left behind, little by little, so that no write waits long."""
        try:
            while await self._store.write(lambda connection: collections.purge(connection, PURGE_SIZE)):
                pass
        except SensoriumError as error:  # The next start tries again.
            log.warning("collection_not_purged", error=error.message)


def _checked(check: DocumentCheck, given: Sequence[Document]) -> tuple[list[NewDocument], list[SensoriumError | None]]:
    """Return what is to be written, and what is wrong with each document.

    Raises:
        FailedPrecondition: One is a content: the caller speaks to the wrong role.
    """
    good: dict[str, NewDocument] = {}
    faults: list[SensoriumError | None] = []
    for index, document in enumerate(given):
        try:
            good[document.id] = check.checked(document, f"documents[{index}]")
            faults.append(None)
        except (InvalidArgument, Unimplemented) as error:
            faults.append(error)
    return list(good.values()), faults


def _fault(document_id: str, field: str) -> InvalidArgument | None:
    try:
        checked_id(document_id, field)
    except InvalidArgument as error:
        return error
    return None


def _no_document(collection: CollectionName, document_id: str) -> NotFound:
    name = collection.document(document_id)
    return NotFound(f"there is no {name}", reason=Reason.DOCUMENT_NOT_FOUND, metadata={"document": name})


def _timings(started: float) -> Timings:
    elapsed = time.monotonic() - started
    context.record(Stage.SEARCH, elapsed)
    return Timings(search_ms=elapsed * 1000, total_ms=elapsed * 1000)
