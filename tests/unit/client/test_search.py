"""A query may be words, a vector, a content, parts with weights; hits come nearest first."""

import numpy as np
import pytest
from memory_mesh import count_letters

from sensorium import (
    AsyncClient,
    AttributeField,
    AttributeType,
    Content,
    Document,
    DocumentReference,
    Hits,
    QueryPart,
    TagFilter,
)
from sensorium.client.queries import Query, query_parts
from sensorium.errors import InvalidArgument


@pytest.fixture
async def words(client: AsyncClient) -> str:
    await client.create_collection("words", model="letters")
    await client.upsert("words", [Document(word, text=word) for word in ("aaa", "aab", "bbb", "zzz")])
    return "words"


@pytest.mark.parametrize(
    "query",
    ["a", count_letters("a"), Content.of_text("a"), QueryPart(Content.of_text("a")), ["a", count_letters("a")]],
    ids=["words", "vector", "content", "part", "several"],
)
async def test_every_kind_of_query_finds_the_nearest_first(client: AsyncClient, words: str, query: Query) -> None:
    hits = await client.search(words, query, top_k=2)
    assert [hit.document.id for hit in hits] == ["aaa", "aab"]
    assert [hit.rank for hit in hits] == [1, 2]
    assert hits[0].score > hits[1].score
    assert len(hits) == 2


async def test_a_negative_part_looks_away(client: AsyncClient, words: str) -> None:
    away = QueryPart(Content.of_text("a"), weight=-1.0)
    assert (await client.search(words, ["a", "b", away], top_k=1))[0].document.id == "bbb"


async def test_a_least_score_leaves_out_what_is_far(client: AsyncClient, words: str) -> None:
    assert [hit.document.id for hit in await client.search(words, "a", min_score=0.99)] == ["aaa"]


async def test_hits_carry_vectors_when_asked(client: AsyncClient, words: str) -> None:
    assert (await client.search(words, "a"))[0].document.vector is None
    vector = (await client.search(words, "a", with_vectors=True))[0].document.vector
    assert np.array_equal(vector, count_letters("aaa"))  # type: ignore[arg-type]


async def test_usage_and_timings_are_told(client: AsyncClient, words: str) -> None:
    hits = await client.search(words, "a")
    assert hits.usage.token_count == 1
    assert (hits.timings.inference_ms, hits.timings.search_ms) == (1, 1)


def test_a_document_of_the_collection_can_be_the_query() -> None:
    assert query_parts(DocumentReference("x")) == (QueryPart(DocumentReference("x")),)


def test_what_is_no_query_is_named() -> None:
    with pytest.raises(TypeError, match="a query is words"):
        query_parts(3)


@pytest.mark.parametrize("vector", [np.zeros((2, 2)), np.zeros(0), np.array(["x"])])
def test_a_vector_must_be_a_row_of_numbers(vector: np.ndarray) -> None:
    with pytest.raises(InvalidArgument):
        query_parts(vector)


@pytest.fixture
async def shed(client: AsyncClient) -> str:
    await client.create_collection("shed", model="letters", attributes=[AttributeField("n", AttributeType.INT)])
    rows = [("aaa", ("red",), 1), ("aab", ("red", "old"), 2), ("bbb", (), 2)]
    await client.upsert("shed", [Document(word, word, tags=tags, attributes={"n": n}) for word, tags, n in rows])
    return "shed"


async def test_filters_and_tags_choose_what_is_found_listed_counted_and_deleted(client: AsyncClient, shed: str) -> None:
    red = TagFilter(all=("red",), none=("old",))
    assert [hit.document.id for hit in await client.search(shed, "b", filter="n < 3", tags=red)] == ["aaa"]
    assert [each.id async for each in client.documents(shed, filter="n = 2")] == ["aab", "bbb"]
    assert await client.count(shed, filter="n = 2", tags=red) == 0
    assert await client.delete_selected(shed, filter="n = 2") == 2
    assert await client.count(shed) == 1


async def test_facets_groups_and_plans_are_told(client: AsyncClient, shed: str) -> None:
    found = await client.search(shed, "a", facets=["tags", "n"], facet_limit=1)
    assert [(facet.counts, facet.value_count) for facet in found.facets] == [((("red", 2),), 2), (((2, 2),), 2)]
    groups = (await client.search(shed, "a", group_by="n")).groups
    assert [(group.value, group.hits[0].document.id) for group in groups] == [(1, "aaa"), (2, "aab")]
    plan = await client.explain(shed, "a", filter="not (n=1)")
    assert (plan.canonical_filter, plan.match_count) == ("NOT n = 1", 2)


async def test_many_queries_are_answered_in_order(client: AsyncClient, shed: str) -> None:
    first, blank, last = await client.search_many(shed, ["a", " ", "b"], top_k=1)
    assert isinstance(first, Hits)
    assert isinstance(last, Hits)
    assert (first[0].document.id, last[0].document.id) == ("aaa", "bbb")
    assert isinstance(blank, InvalidArgument)
