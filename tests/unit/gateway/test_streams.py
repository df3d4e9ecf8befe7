"""A stream of writes is embedded ahead and written in order, and a sender that is not answered is held back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from sensorium.errors import InvalidArgument, NotFound, Reason
from sensorium.gateway.limits import Limits
from sensorium.gateway.searcher import STREAM_DEPTH, EmbeddingSearcher
from sensorium.model.content import Content
from sensorium.model.document import Document
from sensorium.model.embedding import EmbedRequest, EmbedResponse, ModelInfo, Priority
from sensorium.model.names import CollectionName
from sensorium.model.search import UpsertRequest

NAME = CollectionName("default", "garage")
LIMITS = Limits(documents=5, query_parts=16, top_k=100, searches=10)


@dataclass
class LastFirst:
    """Embeds the first of some requests last."""

    embedder: Any
    came: int = 0
    all_came: asyncio.Event = field(default_factory=asyncio.Event)

    async def models(self) -> Sequence[ModelInfo]:
        models: Sequence[ModelInfo] = await self.embedder.models()
        return models

    async def model(self, name: str) -> ModelInfo:
        model: ModelInfo = await self.embedder.model(name)
        return model

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        self.came += 1
        if self.came == STREAM_DEPTH:
            self.all_came.set()
        if self.came == 1:
            await self.all_came.wait()
        response: EmbedResponse = await self.embedder.embed(request)
        return response


def texts(*given: str, name: str = "same") -> UpsertRequest:
    documents = tuple(Document(name, Content.of_text(text)) for text in given)
    return UpsertRequest(NAME, documents, priority=Priority.BULK)


async def stream(*requests: UpsertRequest, read: list[UpsertRequest] | None = None) -> AsyncIterator[UpsertRequest]:
    for request in requests:
        if read is not None:
            read.append(request)
        yield request


async def test_requests_are_embedded_at_once_and_written_in_order(embedder: Any, searcher: Any) -> None:
    gateway = EmbeddingSearcher(LastFirst(embedder), searcher, LIMITS)
    given = [texts("a" * length) for length in range(1, 9)]
    async with asyncio.timeout(30):
        responses = [response async for response in gateway.upsert_stream(stream(*given))]
    assert len(responses) == 8
    lengths = [float(request.documents[0].source.dense.to_numpy()[0]) for request in searcher.upserts]
    assert lengths == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {request.priority for request in embedder.requests} == {Priority.BULK}


async def test_few_requests_are_read_ahead(embedder: Any, searcher: Any) -> None:
    gateway = EmbeddingSearcher(embedder, searcher, LIMITS)
    read: list[UpsertRequest] = []
    responses = gateway.upsert_stream(stream(*[texts("a")] * 50, read=read))
    await anext(aiter(responses))
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(read) <= STREAM_DEPTH + 2
    assert len(searcher.upserts) == 1


async def test_a_text_that_cannot_be_embedded_fails_alone(embedder: Any, searcher: Any) -> None:
    gateway = EmbeddingSearcher(embedder, searcher, LIMITS)
    (response,) = [each async for each in gateway.upsert_stream(stream(texts("a", "bad", "b")))]
    assert [error and error.field for error in response.outcomes] == [None, "documents[1].content.parts[0].text", None]
    assert response.usage.token_count == 3


@pytest.mark.parametrize(
    ("wrong", "kind", "reason"),
    [
        (texts(*["a"] * 6), InvalidArgument, Reason.TOO_MANY_ITEMS),
        (texts("a"), NotFound, Reason.COLLECTION_NOT_FOUND),
    ],
)
async def test_nothing_behind_a_wrong_request_is_written(
    embedder: Any, searcher: Any, wrong: UpsertRequest, kind: type[Exception], reason: Reason
) -> None:
    gateway = EmbeddingSearcher(embedder, searcher, LIMITS)
    if kind is NotFound:
        searcher.collection = None
    with pytest.raises(kind) as caught:
        async for _ in gateway.upsert_stream(stream(wrong, texts("a"))):
            pass
    assert caught.value.reason is reason  # type: ignore[attr-defined]
    assert searcher.upserts == []
