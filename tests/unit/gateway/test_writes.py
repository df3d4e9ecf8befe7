"""Documents with contents are embedded in one call; one that cannot be embedded harms no other."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sensorium.errors import FailedPrecondition, InvalidArgument, NotFound, Reason
from sensorium.model.content import Content
from sensorium.model.document import Document
from sensorium.model.embedding import Embedding, EmbedRole, Priority
from sensorium.model.names import CollectionName
from sensorium.model.search import UpsertRequest
from sensorium.model.vector import Vector

NAME = CollectionName("default", "garage")
VECTOR = Embedding(Vector.from_numpy(np.ones(4, np.float32)))


def text(document_id: str, words: str) -> Document:
    return Document(document_id, Content.of_text(words), tags=("t",))


async def test_contents_are_embedded_as_documents_in_one_call(gateway: Any, embedder: Any, searcher: Any) -> None:
    documents = (text("a", "one"), Document("b", VECTOR), text("c", "three"))
    response = await gateway.upsert_documents(UpsertRequest(NAME, documents, priority=Priority.BULK))

    assert response.outcomes == (None, None, None)
    (request,) = embedder.requests
    assert [each.parts[0].body for each in request.contents] == ["one", "three"]
    assert (request.options.role, request.priority, request.model) == (EmbedRole.DOCUMENT, Priority.BULK, "toy")
    (upsert,) = searcher.upserts
    assert [each.source.dense.to_numpy()[0] for each in upsert.documents] == [3, 1, 5]
    assert [each.tags for each in upsert.documents] == [("t",), (), ("t",)]
    assert (upsert.model, upsert.model_revision) == ("toy", "r1")


async def test_a_document_that_cannot_be_embedded_gets_its_error_and_the_others_are_written(
    gateway: Any, searcher: Any
) -> None:
    documents = (text("a", "bad"), text("b", "good"), text("refused", "good"))
    response = await gateway.upsert_documents(UpsertRequest(NAME, documents))

    unembedded, written, refused = response.outcomes
    assert written is None
    assert unembedded.field == "documents[0].content.parts[0].text"
    assert unembedded.message == "documents[0].content.parts[0].text is bad"
    assert (refused.field, refused.message) == ("documents[2].name", "documents[2].name is refused")
    assert [each.id for each in searcher.upserts[0].documents] == ["b", "refused"]


async def test_nothing_is_written_when_nothing_could_be_embedded(gateway: Any, searcher: Any) -> None:
    response = await gateway.upsert_documents(UpsertRequest(NAME, (text("a", "bad"),)))
    assert response.written_count == 0
    assert searcher.upserts == []


async def test_vectors_go_straight_through(gateway: Any, embedder: Any, searcher: Any) -> None:
    request = UpsertRequest(NAME, (Document("a", VECTOR),))
    await gateway.upsert_documents(request)
    assert searcher.upserts == [request]
    assert embedder.requests == []


async def test_usage_and_timings_of_both_calls_are_joined(gateway: Any) -> None:
    response = await gateway.upsert_documents(UpsertRequest(NAME, (text("a", "one"),)))
    assert response.usage.token_count == 1
    timings = response.timings
    assert (timings.queue_ms, timings.preprocess_ms, timings.inference_ms, timings.search_ms) == (1, 2, 3, 4)
    assert timings.total_ms > 0


async def test_too_many_documents_are_refused_before_work_starts(gateway: Any, embedder: Any) -> None:
    with pytest.raises(InvalidArgument, match="6 items are more than the limit of 5") as raised:
        await gateway.upsert_documents(UpsertRequest(NAME, (text("a", "one"),) * 6))
    assert raised.value.reason is Reason.TOO_MANY_ITEMS
    assert embedder.requests == []


async def test_an_unknown_collection_is_found_out_before_work_starts(
    gateway: Any, embedder: Any, searcher: Any
) -> None:
    searcher.collection = None
    with pytest.raises(NotFound):
        await gateway.upsert_documents(UpsertRequest(NAME, (text("a", "one"),)))
    assert embedder.requests == []


@pytest.mark.parametrize("claim", [{"model": "other"}, {"model": "toy", "model_revision": "r0"}])
async def test_a_claim_of_another_model_is_refused(gateway: Any, embedder: Any, claim: dict[str, str]) -> None:
    with pytest.raises(FailedPrecondition) as raised:
        await gateway.upsert_documents(UpsertRequest(NAME, (text("a", "one"),), **claim))  # type: ignore[arg-type]
    assert raised.value.reason is Reason.MODEL_MISMATCH
    assert embedder.requests == []


async def test_vectors_of_a_newer_revision_are_never_mixed_in(gateway: Any, embedder: Any, searcher: Any) -> None:
    embedder.revision = "r2"
    with pytest.raises(FailedPrecondition, match="revision r2 is served") as raised:
        await gateway.upsert_documents(UpsertRequest(NAME, (text("a", "one"),)))
    assert raised.value.reason is Reason.MODEL_MISMATCH
    assert searcher.upserts == []


async def test_contents_need_a_collection_with_a_model(gateway: Any, searcher: Any) -> None:
    searcher.collection = replace(searcher.collection, model="", model_revision="")
    with pytest.raises(FailedPrecondition, match="bound to no model") as raised:
        await gateway.upsert_documents(UpsertRequest(NAME, (text("a", "one"),)))
    assert raised.value.reason is Reason.CONTENT_NOT_EMBEDDED
