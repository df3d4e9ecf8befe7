"""The search port as clients see it: contents are embedded on the way, everything else goes straight through."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from sensorium.errors import SensoriumError
from sensorium.gateway.binding import check_claim, complete
from sensorium.gateway.contents import EmbeddedContents, embed_contents, relocate
from sensorium.gateway.limits import Limits
from sensorium.in_order import in_order
from sensorium.model.collection import Alias, Collection, CollectionSpec, CollectionUpdate
from sensorium.model.content import Content
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Embedding, EmbedRole, Timings
from sensorium.model.job import CollectionJob, Driven, JobRequest, ReembedWork, Snapshot
from sensorium.model.names import AliasName, CollectionName, JobName, SnapshotName
from sensorium.model.search import (
    EVERY_DOCUMENT,
    ChangeRequest,
    Page,
    QueryPart,
    SearchPlan,
    SearchRequest,
    SearchResponse,
    Selection,
    UpsertRequest,
    UpsertResponse,
)
from sensorium.model.vector import Vector
from sensorium.ports import Embedder, Searcher

STREAM_DEPTH = 4


@dataclass(frozen=True, slots=True)
class ReadySearch:
    """A search that brings vectors alone, and what embedding them took; None when it brought no contents."""

    request: SearchRequest
    embedded: EmbeddedContents | None = None

    def answer(self, found: SearchResponse, started: float) -> SearchResponse:
        """Return what was found, with what embedding consumed and how long it took."""
        if self.embedded is None:
            return found
        timings = _merge(self.embedded.timings, found.timings, started)
        return replace(found, usage=self.embedded.usage, timings=timings)


@dataclass(frozen=True, slots=True)
class ReadyUpsert:
    """A write whose contents are embedded; `embedded` is None when it brought none."""

    request: UpsertRequest
    started: float
    embedded: EmbeddedContents | None = None

    def with_vectors(self) -> tuple[dict[int, Document], list[SensoriumError | None]]:
        """Return the documents that can be written by their place, and what is wrong with the content of each."""
        results = self.embedded.results if self.embedded else {}
        outcomes: list[SensoriumError | None] = [None] * len(self.request.documents)
        documents: dict[int, Document] = {}
        for index, document in enumerate(self.request.documents):
            match results.get(_content_field(index)):
                case SensoriumError() as error:
                    outcomes[index] = error
                case Embedding() as embedding:
                    documents[index] = replace(document, source=embedding)
                case None:
                    documents[index] = document
        return documents, outcomes


class EmbeddingSearcher:
    """Satisfies `Searcher` by an embedder and a searcher that takes vectors alone.

    Nothing is remembered between calls: a collection is read before its contents are embedded, and the write or the
    search that follows names the model and revision, so that the searcher refuses it if the collection was replaced
    in between.
    """

    def __init__(self, embedder: Embedder, searcher: Searcher, limits: Limits) -> None:
        self._embedder = embedder
        self._searcher = searcher
        self._limits = limits

    async def get_collection(self, name: CollectionName) -> Collection:
        """Return one collection."""
        return await self._searcher.get_collection(name)

    async def list_collections(self, workspace: str, page_size: int, page_token: str) -> Page[Collection]:
        """Return a page of the workspace's collections, by id."""
        return await self._searcher.list_collections(workspace, page_size, page_token)

    async def create_collection(
        self, name: CollectionName, spec: CollectionSpec, *, request_id: str = ""
    ) -> Collection:
        """Create a collection; one that names a model takes revision, dimension and metric from it.

        Raises:
            NotFound: No such model is served.
            InvalidArgument: The model does not give vectors of that dimension.
            FailedPrecondition: Another revision of the model is served.
            AlreadyExists: There is one of that name, and another request created it.
        """
        if spec.model:
            spec = complete(spec, await self._embedder.model(spec.model))
        return await self._searcher.create_collection(name, spec, request_id=request_id)

    async def update_collection(self, update: CollectionUpdate) -> Collection:
        """Change a collection. Raises Aborted when it changed since its etag was read."""
        return await self._searcher.update_collection(update)

    async def delete_collection(self, name: CollectionName, *, force: bool) -> None:
        """Delete a collection. Raises FailedPrecondition when it holds documents and `force` is false."""
        await self._searcher.delete_collection(name, force=force)

    async def get_alias(self, name: AliasName) -> Alias:
        """Return one alias. Raises NotFound."""
        return await self._searcher.get_alias(name)

    async def list_aliases(self, workspace: str, page_size: int, page_token: str) -> Page[Alias]:
        """Return a page of the workspace's aliases, by id."""
        return await self._searcher.list_aliases(workspace, page_size, page_token)

    async def set_alias(self, name: AliasName, collection: CollectionName) -> Alias:
        """Point an alias at a collection for all calls that begin later."""
        return await self._searcher.set_alias(name, collection)

    async def delete_alias(self, name: AliasName) -> None:
        """Delete an alias; the collection stays. Raises NotFound."""
        await self._searcher.delete_alias(name)

    async def create_job(self, request: JobRequest) -> CollectionJob:
        """Start long work on a collection; the model of a re-embedding must be served.

        Raises:
            AlreadyExists: Such work has not ended, or what it would make exists.
            NotFound: There is no such collection, snapshot or model.
        """
        if isinstance(request.work, ReembedWork):
            await self._embedder.model(request.work.model)
        return await self._searcher.create_job(request)

    async def get_job(self, name: JobName) -> CollectionJob:
        """Return one job."""
        return await self._searcher.get_job(name)

    async def list_jobs(self, workspace: str, collection: str, page_size: int, page_token: str) -> Page[CollectionJob]:
        """Return a page of jobs, latest first."""
        return await self._searcher.list_jobs(workspace, collection, page_size, page_token)

    async def cancel_job(self, name: JobName) -> CollectionJob:
        """Let a job stop soon."""
        return await self._searcher.cancel_job(name)

    def watch_job(self, name: JobName) -> AsyncIterator[CollectionJob]:
        """Yield a job whenever it changes, until it has ended."""
        return self._searcher.watch_job(name)

    async def drive_job(self, driver: str, driven: Driven | None = None) -> Driven | None:
        """Report on a job that `driver` drives, or ask for one."""
        return await self._searcher.drive_job(driver, driven)

    async def list_snapshots(self, collection: CollectionName, page_size: int, page_token: str) -> Page[Snapshot]:
        """Return a page of the snapshots of a collection, latest first."""
        return await self._searcher.list_snapshots(collection, page_size, page_token)

    async def delete_snapshot(self, name: SnapshotName) -> None:
        """Delete a snapshot."""
        await self._searcher.delete_snapshot(name)

    async def get_documents(
        self, collection: CollectionName, ids: Sequence[str], view: DocumentView
    ) -> Sequence[Document | SensoriumError]:
        """Return a document or NotFound for each id, in order."""
        return await self._searcher.get_documents(collection, ids, view)

    async def list_documents(
        self,
        collection: CollectionName,
        page_size: int,
        page_token: str,
        view: DocumentView,
        selection: Selection = EVERY_DOCUMENT,
    ) -> Page[Document]:
        """Return a page of the selected documents, by id."""
        return await self._searcher.list_documents(collection, page_size, page_token, view, selection)

    async def count_documents(self, collection: CollectionName, selection: Selection = EVERY_DOCUMENT) -> int:
        """Return the number of selected documents."""
        return await self._searcher.count_documents(collection, selection)

    async def change_documents(self, request: ChangeRequest) -> Sequence[SensoriumError | None]:
        """Change tags and attributes of documents; nothing is embedded."""
        return await self._searcher.change_documents(request)

    async def delete_documents(self, collection: CollectionName, ids: Sequence[str]) -> int:
        """Delete documents; return how many existed."""
        return await self._searcher.delete_documents(collection, ids)

    async def delete_selected(self, collection: CollectionName, selection: Selection) -> int:
        """Delete the selected documents that exist now; return how many."""
        return await self._searcher.delete_selected(collection, selection)

    async def upsert_documents(self, request: UpsertRequest) -> UpsertResponse:
        """Embed the contents in one call and write the documents.

        A document whose content cannot be embedded gets that error; the others are written.
        """
        return await self._write(await self._embedded(request))

    async def upsert_stream(self, requests: AsyncIterator[UpsertRequest]) -> AsyncIterator[UpsertResponse]:
        """Yield the outcome of each request, in order: a few are embedded at once, and written one after another."""
        async with aclosing(in_order(requests, self._embedded, depth=STREAM_DEPTH)) as ready:
            async for each in ready:
                yield await self._write(each)

    async def search(self, request: SearchRequest) -> SearchResponse:
        """Embed the contents of the query in one call and search.

        Raises:
            SensoriumError: A content of the query cannot be embedded; the error names its part.
        """
        started = time.monotonic()
        ready = await self._ready(request)
        return ready.answer(await self._searcher.search(ready.request), started)

    async def batch_search(self, requests: Sequence[SearchRequest]) -> Sequence[SearchResponse | SensoriumError]:
        """Embed the contents of all queries at once, and search for what could be embedded in one call."""
        self._limits.check_searches(requests)
        started = time.monotonic()
        prepared = await asyncio.gather(*(self._ready_or_fault(request) for request in requests))
        ready = {index: each for index, each in enumerate(prepared) if isinstance(each, ReadySearch)}
        found = await self._searcher.batch_search([each.request for each in ready.values()]) if ready else ()
        outcomes: dict[int, SearchResponse | SensoriumError] = {
            index: each if isinstance(each, SensoriumError) else ready[index].answer(each, started)
            for index, each in zip(ready, found, strict=True)
        }
        outcomes |= {index: each for index, each in enumerate(prepared) if isinstance(each, SensoriumError)}
        return [outcomes[index] for index in range(len(requests))]

    async def explain(self, request: SearchRequest) -> SearchPlan:
        """Return how a search would run; nothing is embedded."""
        self._limits.check_search(request)
        return await self._searcher.explain(request)

    async def _ready(self, request: SearchRequest) -> ReadySearch:
        """Return the search with vectors in the place of its contents."""
        self._limits.check_search(request)
        contents = {
            f"query[{index}].content": part.target
            for index, part in enumerate(request.query)
            if isinstance(part.target, Content)
        }
        if not contents:
            return ReadySearch(request)
        collection = await self._searcher.get_collection(request.collection)
        check_claim(collection, request.model, request.model_revision)
        embedded = await embed_contents(
            self._embedder, collection, contents, EmbedRole.QUERY, instruction=request.instruction
        )
        query = tuple(_with_vector(index, part, embedded.results) for index, part in enumerate(request.query))
        bound = replace(request, query=query, model=collection.model, model_revision=collection.model_revision)
        return ReadySearch(bound, embedded)

    async def _ready_or_fault(self, request: SearchRequest) -> ReadySearch | SensoriumError:
        try:
            return await self._ready(request)
        except SensoriumError as error:
            return error

    async def _embedded(self, request: UpsertRequest) -> ReadyUpsert:
        """Return the write with vectors in the place of its contents, embedded in one call."""
        self._limits.check_upsert(request)
        started = time.monotonic()
        contents = {
            _content_field(index): document.source
            for index, document in enumerate(request.documents)
            if isinstance(document.source, Content)
        }
        if not contents:
            return ReadyUpsert(request, started)
        collection = await self._searcher.get_collection(request.collection)
        check_claim(collection, request.model, request.model_revision)
        embedded = await embed_contents(
            self._embedder, collection, contents, EmbedRole.DOCUMENT, priority=request.priority
        )
        bound = replace(request, model=collection.model, model_revision=collection.model_revision)
        return ReadyUpsert(bound, started, embedded)

    async def _write(self, ready: ReadyUpsert) -> UpsertResponse:
        """Write the documents that have vectors; the others keep the error of their content."""
        if ready.embedded is None:
            return await self._searcher.upsert_documents(ready.request)
        documents, outcomes = ready.with_vectors()
        response = UpsertResponse(())
        if documents:
            request = replace(ready.request, documents=tuple(documents.values()))
            response = await self._searcher.upsert_documents(request)
        for sent, (index, outcome) in enumerate(zip(documents, response.outcomes, strict=True)):
            outcomes[index] = outcome and relocate(outcome, f"documents[{sent}]", f"documents[{index}]")
        timings = _merge(ready.embedded.timings, response.timings, ready.started)
        return UpsertResponse(tuple(outcomes), ready.embedded.usage, timings)


def _content_field(index: int) -> str:
    return f"documents[{index}].content"


def _with_vector(index: int, part: QueryPart, results: Mapping[str, Embedding | SensoriumError]) -> QueryPart:
    """Return a query part with its content's vector, or as it is when it holds none."""
    match results.get(f"query[{index}].content"):
        case SensoriumError() as error:
            raise error
        case Embedding(dense=Vector() as vector):
            return replace(part, target=vector)
        case _:
            return part


def _merge(embed: Timings, search: Timings, started: float) -> Timings:
    """Return the stages of both calls, each from the service whose stage it is, and the gateway's own total."""
    return replace(embed, search_ms=search.search_ms, total_ms=(time.monotonic() - started) * 1000)
