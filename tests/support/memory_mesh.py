"""A mesh in memory: the real gateway over an embedder that counts letters and a searcher that compares with all."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from sensorium import context
from sensorium.client.connection import Backends, Endpoint
from sensorium.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Reason,
    SensoriumError,
)
from sensorium.filters.printer import canonical
from sensorium.filters.python import holds
from sensorium.gateway.limits import Limits
from sensorium.gateway.searcher import EmbeddingSearcher
from sensorium.model.collection import Alias, Collection, CollectionField, CollectionSpec, CollectionUpdate
from sensorium.model.content import Content, Modality
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import (
    Calibration,
    Embedding,
    EmbedRequest,
    EmbedResponse,
    ModelInfo,
    ModelState,
    OutputKind,
    Timings,
    Usage,
)
from sensorium.model.names import AliasName, CollectionName, TagDefinitionName
from sensorium.model.search import (
    EVERY_DOCUMENT,
    ChangeRequest,
    Facet,
    FacetRequest,
    Hit,
    HitGroup,
    Page,
    SearchPlan,
    SearchRequest,
    SearchResponse,
    Selection,
    UpsertRequest,
    UpsertResponse,
)
from sensorium.model.tagging import DefinitionUpdate, TagDefinition, TagDefinitionSpec, TagRequest, TagResponse
from sensorium.model.usage import UsageQuery, UsageRecord
from sensorium.model.vector import Metric, MultiVector, SparseVector, Vector
from sensorium.ports import Embedder
from sensorium.search.filter_fields import record_of
from sensorium.search.selection import read_selection
from sensorium.settings import SearchSettings
from sensorium.tag.assignment import Assignment
from sensorium.tag.content_calibration import ContentCalibration
from sensorium.tag.content_vectors import embed_contents
from sensorium.tag.definitions import merged
from sensorium.tag.tag_odds import TagOdds
from sensorium.tag.tag_vectors import TagVectors

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIMENSION = 26
CALIBRATION = Calibration(20.0, -10.0)
LETTERS = ModelInfo(
    "letters",
    "r1",
    "Counts letters.",
    DIMENSION,
    64,
    "Apache-2.0",
    state=ModelState.READY,
    calibrations=tuple(replace(CALIBRATION, modality=each) for each in (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)),
)


def count_letters(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    counts = np.array([text.lower().count(chr(ord("a") + letter)) for letter in range(DIMENSION)], np.float32)
    return counts / max(float(np.linalg.norm(counts)), 1.0)


@dataclass
class LetterEmbedder:
    """Embeds a text as its counts of letters; a blank one cannot be embedded.

    Attributes:
        errors: Raised by the next calls, one each.
        deadlines: Seconds that each call had left.
    """

    state: ModelState = ModelState.READY
    requests: list[EmbedRequest] = field(default_factory=list)
    errors: list[SensoriumError] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)

    async def models(self) -> Sequence[ModelInfo]:
        if self.errors:
            raise self.errors.pop(0)
        return [replace(LETTERS, state=self.state)]

    async def model(self, name: str) -> ModelInfo:
        if name not in {"", LETTERS.name}:
            raise NotFound(f"there is no model {name!r}", reason=Reason.MODEL_NOT_FOUND, field="model")
        return (await self.models())[0]

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        self.deadlines.append(context.remaining())
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        self.requests.append(request)
        model = await self.model(request.model)
        results = [self._result(index, content, request) for index, content in enumerate(request.contents)]
        return EmbedResponse(model.name, model.revision, tuple(results), Usage(len(results)), Timings(inference_ms=1.0))

    @staticmethod
    def _result(index: int, content: Content, request: EmbedRequest) -> Embedding | SensoriumError:
        text = str(content.parts[0].body)
        if not text.strip():
            place = f"contents[{index}].parts[0].text"
            return InvalidArgument(f"{place} is blank", reason=Reason.CONTENT_EMPTY, field=place)
        letters = count_letters(text)
        components = np.resize(letters, 32) if request.options.dtype == "binary" else letters
        dense = Vector.from_numpy(components, request.options.dtype)
        (heavy,) = np.nonzero(letters)
        sparse = SparseVector(heavy.astype(np.uint32), letters[heavy], tuple(chr(97 + each) for each in heavy))
        asked = request.options.outputs
        return Embedding(
            dense if OutputKind.DENSE in asked else None,
            sparse if OutputKind.SPARSE in asked else None,
            MultiVector.from_numpy(letters[None].repeat(2, axis=0)) if OutputKind.MULTI in asked else None,
            token_count=len(text.split()),
        )


@dataclass
class MemorySearcher:
    """Keeps collections in memory.

    Attributes:
        errors: Raised by the next deletions of a collection, one each.
    """

    errors: list[SensoriumError] = field(default_factory=list)
    collections: dict[CollectionName, Collection] = field(default_factory=dict)
    documents: dict[CollectionName, dict[str, Document]] = field(default_factory=dict)
    upserts: list[UpsertRequest] = field(default_factory=list)
    aliases: dict[AliasName, Alias] = field(default_factory=dict)

    async def get_alias(self, name: AliasName) -> Alias:
        if name not in self.aliases:
            raise NotFound(f"there is no {name}", reason=Reason.RESOURCE_NOT_FOUND)
        return self.aliases[name]

    async def list_aliases(self, workspace: str, page_size: int, page_token: str) -> Page[Alias]:
        names = sorted((name for name in self.aliases if name.workspace == workspace), key=str)
        page, token = _page(names, min(page_size, 2), page_token)
        return Page(tuple(self.aliases[name] for name in page), token)

    async def set_alias(self, name: AliasName, collection: CollectionName) -> Alias:
        await self.get_collection(collection)
        self.aliases[name] = Alias(name, collection, NOW)
        return self.aliases[name]

    async def delete_alias(self, name: AliasName) -> None:
        await self.get_alias(name)
        del self.aliases[name]

    async def update_collection(self, update: CollectionUpdate) -> Collection:
        collection = await self.get_collection(update.name)
        if CollectionField.DESCRIPTION in update.fields:
            collection = replace(collection, description=update.description)
        if CollectionField.ATTRIBUTES in update.fields:
            collection = replace(collection, attributes=(*collection.attributes, *update.attributes))
        self.collections[update.name] = collection
        return collection

    async def change_documents(self, request: ChangeRequest) -> Sequence[SensoriumError | None]:
        await self.get_collection(request.collection)
        return [self._change(request, each) for each in request.documents]

    def _change(self, request: ChangeRequest, given: Document) -> SensoriumError | None:
        stored, mask = self.documents[request.collection], request.mask
        if given.id not in stored:
            return NotFound(f"there is no document {given.id!r}", reason=Reason.DOCUMENT_NOT_FOUND)
        present = stored[given.id]
        attributes = given.attributes if mask.attributes else dict(present.attributes)
        named = {name: given.attributes.get(name) for name in mask.attribute_names}
        kept = {name: value for name, value in ({**attributes, **named}).items() if value is not None}
        stored[given.id] = replace(present, tags=given.tags if mask.tags else present.tags, attributes=kept)
        return None

    async def get_collection(self, name: CollectionName) -> Collection:
        if name not in self.collections:
            raise NotFound(f"there is no collection {name}", reason=Reason.COLLECTION_NOT_FOUND, field="name")
        return replace(self.collections[name], document_count=len(self.documents[name]))

    async def list_collections(self, workspace: str, page_size: int, page_token: str) -> Page[Collection]:
        names = sorted((name for name in self.collections if name.workspace == workspace), key=str)
        page, token = _page(names, min(page_size, 2), page_token)
        return Page(tuple([await self.get_collection(name) for name in page]), token)

    async def create_collection(
        self, name: CollectionName, spec: CollectionSpec, *, request_id: str = ""
    ) -> Collection:
        if name in self.collections:
            raise AlreadyExists(f"there is a collection {name}", field="collection_id")
        if not spec.dimension:
            raise InvalidArgument("collection.dimension must be set", field="collection.dimension")
        self.documents[name] = {}
        self.collections[name] = Collection(
            name.workspace, name.id, spec.description, spec.model, spec.model_revision, spec.dimension,
            spec.metric or Metric.COSINE, spec.attributes, NOW, NOW,
        )  # fmt: skip
        return self.collections[name]

    async def delete_collection(self, name: CollectionName, *, force: bool) -> None:
        if self.errors:
            raise self.errors.pop(0)
        await self.get_collection(name)
        if self.documents[name] and not force:
            raise FailedPrecondition(f"{name} holds documents", reason=Reason.COLLECTION_NOT_EMPTY)
        del self.collections[name], self.documents[name]

    async def get_documents(
        self, collection: CollectionName, ids: Sequence[str], view: DocumentView
    ) -> Sequence[Document | SensoriumError]:
        await self.get_collection(collection)
        stored = self.documents[collection]
        return [
            _viewed(stored[each], view)
            if each in stored
            else NotFound(f"there is no document {each!r}", reason=Reason.DOCUMENT_NOT_FOUND)
            for each in ids
        ]

    async def list_documents(
        self,
        collection: CollectionName,
        page_size: int,
        page_token: str,
        view: DocumentView,
        selection: Selection = EVERY_DOCUMENT,
    ) -> Page[Document]:
        ids = sorted(each.id for each in await self._selected(collection, selection))
        page, token = _page(ids, min(page_size, 2), page_token)
        return Page(tuple(_viewed(self.documents[collection][each], view) for each in page), token)

    async def count_documents(self, collection: CollectionName, selection: Selection = EVERY_DOCUMENT) -> int:
        return len(await self._selected(collection, selection))

    async def delete_selected(self, collection: CollectionName, selection: Selection) -> int:
        return await self.delete_documents(
            collection, [each.id for each in await self._selected(collection, selection)]
        )

    async def _selected(self, collection: CollectionName, selection: Selection) -> list[Document]:
        part = read_selection(selection, await self.get_collection(collection), SearchSettings())
        return [each for each in self.documents[collection].values() if holds(part, record_of(each))]

    async def upsert_documents(self, request: UpsertRequest) -> UpsertResponse:
        collection = await self.get_collection(request.collection)
        self.upserts.append(request)
        outcomes = [self._write(request.collection, collection, document) for document in request.documents]
        return UpsertResponse(tuple(outcomes), timings=Timings(search_ms=1.0))

    async def upsert_stream(self, requests: AsyncIterator[UpsertRequest]) -> AsyncIterator[UpsertResponse]:
        async for request in requests:
            yield await self.upsert_documents(request)

    async def delete_documents(self, collection: CollectionName, ids: Sequence[str]) -> int:
        await self.get_collection(collection)
        return sum(self.documents[collection].pop(each, None) is not None for each in ids)

    async def search(self, request: SearchRequest) -> SearchResponse:
        stored = await self._selected(request.collection, request.selection)
        query = np.sum([part.weight * part.target.to_numpy() for part in request.query], axis=0)  # type: ignore[union-attr]
        scored = [(float(_row(document) @ query), document) for document in stored]
        best = sorted(scored, key=lambda pair: (-pair[0], pair[1].id))[: request.top_k]
        least = -np.inf if request.score_threshold is None else request.score_threshold
        hits = (
            Hit(_viewed(document, request.view), score, rank)
            for rank, (score, document) in enumerate(best, 1)
            if score >= least
        )
        facets = tuple(_facet(each, stored) for each in request.facets)
        if request.group_by:
            return SearchResponse(groups=_grouped(tuple(hits), request.group_by.field), facets=facets)
        return SearchResponse(tuple(hits), facets=facets, timings=Timings(search_ms=1.0))

    async def batch_search(self, requests: Sequence[SearchRequest]) -> list[SearchResponse | SensoriumError]:
        return [await self.search(request) for request in requests]

    async def explain(self, request: SearchRequest) -> SearchPlan:
        part = read_selection(request.selection, await self.get_collection(request.collection), SearchSettings())
        found = await self._selected(request.collection, request.selection)
        return SearchPlan(canonical(part), ("compare with all that match",), len(found))

    def _write(self, name: CollectionName, collection: Collection, document: Document) -> SensoriumError | None:
        if document.source is None:
            return InvalidArgument(f"document {document.id!r} has no vector", reason=Reason.FIELD_INVALID)
        if _row(document).size != collection.dimension:
            return InvalidArgument(
                f"document {document.id!r} has the dimension {_row(document).size}, not {collection.dimension}",
                reason=Reason.DIMENSION_MISMATCH,
            )
        self.documents[name][document.id] = replace(document, create_time=NOW, update_time=NOW)
        return None


@dataclass
class MemoryTagger:
    """Keeps tag definitions in memory, each a list of versions; tags by the embedder."""

    embedder: Embedder
    versions: dict[TagDefinitionName, list[TagDefinition]] = field(default_factory=dict)
    requests: list[TagRequest] = field(default_factory=list)

    async def get_definition(self, name: TagDefinitionName, version: int) -> TagDefinition:
        stored = self._stored(name)
        if version > len(stored):
            raise NotFound(f"there is no version {version} of {name}", reason=Reason.TAG_DEFINITION_NOT_FOUND)
        return stored[version - 1]

    async def list_definitions(self, workspace: str, page_size: int, page_token: str) -> Page[TagDefinition]:
        names = sorted((name for name in self.versions if name.workspace == workspace), key=str)
        page, token = _page(names, min(page_size, 2), page_token)
        return Page(tuple(self.versions[name][-1] for name in page), token)

    async def list_definition_versions(
        self, name: TagDefinitionName, page_size: int, page_token: str
    ) -> Page[TagDefinition]:
        page, token = _page(self._stored(name)[::-1], min(page_size, 2), page_token)
        return Page(tuple(page), token)

    async def create_definition(
        self, name: TagDefinitionName, spec: TagDefinitionSpec, *, request_id: str = ""
    ) -> TagDefinition:
        if name in self.versions:
            raise AlreadyExists(f"{name} exists", field="tag_definition_id")
        self.versions[name] = [TagDefinition(name, spec, 1, NOW, "etag-1")]
        return self.versions[name][0]

    async def update_definition(self, update: DefinitionUpdate) -> TagDefinition:
        latest = self._stored(update.name)[-1]
        if update.etag not in {"", latest.etag}:
            raise Aborted(f"{update.name} changed")
        version = latest.version + 1
        made = TagDefinition(update.name, merged(latest.spec, update), version, NOW, f"etag-{version}")
        self.versions[update.name].append(made)
        return made

    async def delete_definition(self, name: TagDefinitionName) -> None:
        self._stored(name)
        del self.versions[name]

    async def tag(self, request: TagRequest) -> TagResponse:
        self.requests.append(request)
        spec, version = await self._definition(request)
        model = await self.embedder.model(spec.model)
        tags = await TagVectors(self.embedder, batch_size=256, max_bytes=0).of(spec, model, request.priority)
        contents = await embed_contents(self.embedder, request, model, 256)
        assignment = Assignment(spec, tags, request.candidate_count)
        calibration = ContentCalibration((TagOdds.of(CALIBRATION, spec),), (1.0,))
        results = (
            each if isinstance(each, SensoriumError) else assignment.tags_of(each, calibration)
            for each in contents.vectors
        )
        return TagResponse(tuple(results), model.name, model.revision, version, contents.usage, contents.timings)

    async def _definition(self, request: TagRequest) -> tuple[TagDefinitionSpec, int]:
        if isinstance(request.definition, TagDefinitionSpec):
            return request.definition, 0
        found = await self.get_definition(request.definition, request.version)
        return found.spec, found.version

    def _stored(self, name: TagDefinitionName) -> list[TagDefinition]:
        if name not in self.versions:
            raise NotFound(f"there is no {name}", reason=Reason.TAG_DEFINITION_NOT_FOUND)
        return self.versions[name]


@dataclass
class MemoryUsage:
    """Tells the records that it holds.

    Attributes:
        records: What it tells.
        queries: What it was asked.
    """

    records: list[UsageRecord] = field(default_factory=list)
    queries: list[UsageQuery] = field(default_factory=list)

    async def list_usage(self, query: UsageQuery, page_size: int, page_token: str) -> Page[UsageRecord]:
        self.queries.append(query)
        shown, token = _page(self.records, page_size, page_token)
        return Page(tuple(shown), token)


@dataclass
class MemoryMesh:
    """The ports as a client reaches them."""

    embedder: LetterEmbedder = field(default_factory=LetterEmbedder)
    store: MemorySearcher = field(default_factory=MemorySearcher)
    tagger: MemoryTagger = field(init=False)
    datasets: Callable[[], AbstractAsyncContextManager[Any]] = nullcontext  # Opens them for one client.
    usage: MemoryUsage = field(default_factory=MemoryUsage)

    def __post_init__(self) -> None:
        self.tagger = MemoryTagger(self.embedder)

    @property
    def searcher(self) -> EmbeddingSearcher:
        return EmbeddingSearcher(self.embedder, self.store, Limits.of(SearchSettings()))

    @asynccontextmanager
    async def connect(self, endpoint: Endpoint) -> AsyncIterator[Backends]:
        """Stand in for `sensorium.client.connection.connect`."""
        async with self.datasets() as datasets:
            yield Backends(self.embedder, self.searcher, self.tagger, datasets, self.usage)


def _page(items: list[Any], size: int, token: str) -> tuple[list[Any], str]:
    start = int(token or 0)
    return items[start : start + size], str(start + size) if start + size < len(items) else ""


def _facet(request: FacetRequest, stored: Sequence[Document]) -> Facet:
    values = [
        value
        for each in stored
        for value in (each.tags if request.field == "tags" else (each.attributes.get(request.field),))
        if value is not None
    ]
    counts = Counter(values).most_common(request.limit or None)
    return Facet(request.field, tuple(counts), len(set(values)))


def _grouped(hits: Sequence[Hit], field: str) -> tuple[HitGroup, ...]:
    groups: dict[Any, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(hit.document.attributes.get(field), []).append(hit)
    return tuple(HitGroup(value, tuple(found[:1])) for value, found in groups.items())


def _row(document: Document) -> np.ndarray[Any, np.dtype[np.float32]]:
    assert isinstance(document.source, Embedding)
    assert document.source.dense
    return document.source.dense.to_numpy()


def _viewed(document: Document, view: DocumentView) -> Document:
    return document if view.embedding else replace(document, source=None)
