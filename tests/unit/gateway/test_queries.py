"""Contents of a query become vectors before the search service sees them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sensorium.errors import FailedPrecondition, InvalidArgument, Reason
from sensorium.model.content import Content
from sensorium.model.embedding import EmbedRequest, EmbedResponse, EmbedRole
from sensorium.model.names import CollectionName
from sensorium.model.search import DocumentReference, QueryPart, SearchRequest
from sensorium.model.vector import Vector

NAME = CollectionName("default", "garage")
WORDS = QueryPart(Content.of_text("two"))
VECTOR = QueryPart(Vector.from_numpy(np.ones(4, np.float32)), -0.5)


async def test_all_contents_of_a_query_are_embedded_in_one_call(gateway: Any, embedder: Any, searcher: Any) -> None:
    parts = (WORDS, VECTOR, QueryPart(DocumentReference("x")), QueryPart(Content.of_text("three"), 2.0))
    response = await gateway.search(SearchRequest(NAME, parts, instruction="Find cars.", top_k=3))

    assert [hit.document.id for hit in response.hits] == ["a"]
    (request,) = embedder.requests
    assert (request.options.role, request.options.instruction) == (EmbedRole.QUERY, "Find cars.")
    assert [each.parts[0].body for each in request.contents] == ["two", "three"]
    (search,) = searcher.searches
    assert [part.weight for part in search.query] == [1.0, -0.5, 1.0, 2.0]
    assert search.query[0].target.to_numpy()[0] == 3
    assert search.query[1:3] == parts[1:3]
    assert search.query[3].target.to_numpy()[0] == 5
    assert (search.model, search.model_revision, search.top_k) == ("toy", "r1", 3)


async def test_a_query_is_embedded_in_the_dimension_of_the_collection(gateway: Any, searcher: Any) -> None:
    searcher.collection = replace(searcher.collection, dimension=2)
    await gateway.search(SearchRequest(NAME, (WORDS,)))
    assert searcher.searches[0].query[0].target.dimension == 2


async def test_vectors_go_straight_through(gateway: Any, embedder: Any, searcher: Any) -> None:
    request = SearchRequest(NAME, (VECTOR,))
    await gateway.search(request)
    assert searcher.searches == [request]
    assert embedder.requests == []


async def test_a_content_that_cannot_be_embedded_fails_the_search_and_is_named(gateway: Any, searcher: Any) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await gateway.search(SearchRequest(NAME, (VECTOR, QueryPart(Content.of_text("bad")))))
    assert raised.value.field == "query[1].content.parts[0].text"
    assert searcher.searches == []


async def test_usage_and_timings_of_both_calls_are_joined(gateway: Any) -> None:
    response = await gateway.search(SearchRequest(NAME, (WORDS,)))
    assert response.usage.token_count == 1
    assert (response.timings.inference_ms, response.timings.search_ms) == (3, 4)


@pytest.mark.parametrize(
    ("request_", "field", "reason"),
    [
        (SearchRequest(NAME, (WORDS,) * 17), "query", Reason.TOO_MANY_ITEMS),
        (SearchRequest(NAME, (WORDS,), top_k=101), "top_k", Reason.FIELD_INVALID),
        (SearchRequest(NAME, (WORDS,), instruction="x" * 2049), "instruction", Reason.FIELD_INVALID),
    ],
)
async def test_what_is_too_large_is_refused_before_work_starts(
    gateway: Any, embedder: Any, request_: SearchRequest, field: str, reason: Reason
) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await gateway.search(request_)
    assert (raised.value.field, raised.value.reason) == (field, reason)
    assert embedder.requests == []


async def test_a_search_never_mixes_revisions(gateway: Any, embedder: Any, searcher: Any) -> None:
    embedder.revision = "r2"
    with pytest.raises(FailedPrecondition) as raised:
        await gateway.search(SearchRequest(NAME, (WORDS,)))
    assert raised.value.reason is Reason.MODEL_MISMATCH
    assert searcher.searches == []


async def test_an_instruction_that_the_model_cannot_follow_is_named_as_the_search_names_it(
    gateway: Any, embedder: Any
) -> None:
    async def refuse(request: EmbedRequest) -> EmbedResponse:
        field = "options.instruction"
        raise InvalidArgument(f"{field}: not supported", reason=Reason.OPTION_UNSUPPORTED, field=field)

    embedder.embed = refuse
    with pytest.raises(InvalidArgument) as raised:
        await gateway.search(SearchRequest(NAME, (WORDS,), instruction="Find cars."))
    assert (raised.value.field, raised.value.message) == ("instruction", "instruction: not supported")
