"""A gateway over fakes that note what reaches them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import pytest

from sensorium.errors import InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.gateway.limits import Limits
from sensorium.gateway.searcher import EmbeddingSearcher
from sensorium.model.collection import Alias, Collection, CollectionSpec, CollectionUpdate
from sensorium.model.content import Content
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Embedding, EmbedRequest, EmbedResponse, ModelInfo, Timings, Usage
from sensorium.model.names import AliasName, CollectionName
from sensorium.model.search import (
    EVERY_DOCUMENT,
    ChangeRequest,
    Hit,
    Page,
    SearchPlan,
    SearchRequest,
    SearchResponse,
    Selection,
    UpsertRequest,
    UpsertResponse,
)
from sensorium.model.vector import Metric, Vector

NAME = CollectionName("default", "garage")
MODEL = ModelInfo("toy", "r1", "A toy.", 4, 16, "Apache-2.0", dimensions=(2,), metric=Metric.DOT)
GARAGE = Collection(
    "default",
    "garage",
    "",
    "toy",
    "r1",
    4,
    Metric.DOT,
    (),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
)


def vector_of(text: str, dimension: int = 4) -> Vector:
    return Vector.from_numpy(np.full(dimension, float(len(text)), np.float32))


@dataclass
class FakeEmbedder:
    """Gives a vector of the text's length; refuses the text `bad`."""

    revision: str = "r1"
    requests: list[EmbedRequest] = field(default_factory=list)

    async def models(self) -> list[ModelInfo]:
        return [MODEL]

    async def model(self, name: str) -> ModelInfo:
        if name not in {"", MODEL.name}:
            raise NotFound(f"no model {name}", reason=Reason.MODEL_NOT_FOUND)
        return MODEL

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        self.requests.append(request)
        results = tuple(
            self._result(index, content, request.options.dimension) for index, content in enumerate(request.contents)
        )
        return EmbedResponse(
            request.model, self.revision, results, Usage(len(results)), Timings(1.0, 2.0, 3.0, total_ms=6.0)
        )

    def _result(self, index: int, content: Content, dimension: int) -> Embedding | SensoriumError:
        text = str(content.parts[0].body)
        if text == "bad":
            place = f"contents[{index}].parts[0].text"
            return InvalidArgument(f"{place} is bad", reason=Reason.CONTENT_EMPTY, field=place)
        return Embedding(vector_of(text, dimension))


@dataclass
class FakeSearcher:
    """Notes what reaches it; refuses documents with the id `refused`."""

    collection: Collection | None = GARAGE
    created: list[CollectionSpec] = field(default_factory=list)
    deleted: list[tuple[CollectionName, bool]] = field(default_factory=list)
    upserts: list[UpsertRequest] = field(default_factory=list)
    searches: list[SearchRequest] = field(default_factory=list)

    async def get_collection(self, name: CollectionName) -> Collection:
        if self.collection is None:
            raise NotFound(f"no collection {name}", reason=Reason.COLLECTION_NOT_FOUND)
        return self.collection

    async def list_collections(self, workspace: str, page_size: int, page_token: str) -> Page[Collection]:
        return Page((GARAGE,), f"{workspace}/{page_size}/{page_token}")

    async def create_collection(
        self, name: CollectionName, spec: CollectionSpec, *, request_id: str = ""
    ) -> Collection:
        self.created.append(spec)
        return replace(GARAGE, model=spec.model, dimension=spec.dimension)

    async def delete_collection(self, name: CollectionName, *, force: bool) -> None:
        self.deleted.append((name, force))

    async def update_collection(self, update: CollectionUpdate) -> Collection:
        return replace(GARAGE, description=update.description)

    async def get_alias(self, name: AliasName) -> Alias:
        return Alias(name, NAME, GARAGE.create_time)

    async def list_aliases(self, workspace: str, page_size: int, page_token: str) -> Page[Alias]:
        return Page((), f"{workspace}/{page_size}/{page_token}")

    async def set_alias(self, name: AliasName, collection: CollectionName) -> Alias:
        return Alias(name, collection, GARAGE.create_time)

    async def delete_alias(self, name: AliasName) -> None:
        raise NotFound(f"there is no {name}", reason=Reason.RESOURCE_NOT_FOUND)

    async def change_documents(self, request: ChangeRequest) -> list[SensoriumError | None]:
        return [None for _ in request.documents]

    async def get_documents(
        self, collection: CollectionName, ids: Sequence[str], view: DocumentView
    ) -> list[Document | SensoriumError]:
        return [Document(each) for each in ids]

    async def list_documents(
        self,
        collection: CollectionName,
        page_size: int,
        page_token: str,
        view: DocumentView,
        selection: Selection = EVERY_DOCUMENT,
    ) -> Page[Document]:
        return Page((Document(selection.filter or "a"),))

    async def count_documents(self, collection: CollectionName, selection: Selection = EVERY_DOCUMENT) -> int:
        return 7 if selection.is_everything else 3

    async def upsert_documents(self, request: UpsertRequest) -> UpsertResponse:
        self.upserts.append(request)
        outcomes = (self._outcome(index, document) for index, document in enumerate(request.documents))
        return UpsertResponse(tuple(outcomes), timings=Timings(3.0, 3.0, 3.0, 4.0, 5.0))

    async def upsert_stream(self, requests: AsyncIterator[UpsertRequest]) -> AsyncIterator[UpsertResponse]:
        async for request in requests:
            yield await self.upsert_documents(request)

    async def delete_documents(self, collection: CollectionName, ids: Sequence[str]) -> int:
        return len(ids)

    async def delete_selected(self, collection: CollectionName, selection: Selection) -> int:
        return 3

    async def batch_search(self, requests: Sequence[SearchRequest]) -> list[SearchResponse | SensoriumError]:
        return [await self.search(request) for request in requests]

    async def explain(self, request: SearchRequest) -> SearchPlan:
        self.searches.append(request)
        return SearchPlan(request.filter, ("ask",), 3)

    async def search(self, request: SearchRequest) -> SearchResponse:
        self.searches.append(request)
        return SearchResponse((Hit(Document("a"), 0.5, 1),), timings=Timings(search_ms=4.0, total_ms=5.0))

    def _outcome(self, index: int, document: Document) -> SensoriumError | None:
        if document.id == "refused":
            return InvalidArgument(f"documents[{index}].name is refused", field=f"documents[{index}].name")
        return None


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def searcher() -> FakeSearcher:
    return FakeSearcher()


@pytest.fixture
def gateway(embedder: FakeEmbedder, searcher: FakeSearcher) -> EmbeddingSearcher:
    return EmbeddingSearcher(embedder, searcher, Limits(documents=5, query_parts=16, top_k=100, searches=10))
