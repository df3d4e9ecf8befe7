"""What searches find, on every engine."""

import asyncio

import numpy as np
import pytest
from search_samples import DIMENSION, NAME, axis, document, ids, ids_near, make, near, put, unit_vectors, vector

from sensorium.errors import InvalidArgument, NotFound, Reason
from sensorium.filters.parser import parse
from sensorium.filters.tree import EVERYTHING
from sensorium.model.collection import AttributeField, AttributeType, CollectionSpec
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Embedding
from sensorium.model.search import DocumentReference, Hit, QueryPart, SearchRequest, UpsertRequest
from sensorium.model.vector import DType, Metric, Vector
from sensorium.search.filter_fields import fields_of
from sensorium.search.geometry import scores, unit_rows
from sensorium.search.index import Indexes, VectorSpace
from sensorium.search.service import SearchService


@pytest.mark.parametrize("metric", list(Metric))
async def test_search_ranks_as_an_exact_scan_does(service: SearchService, metric: Metric) -> None:
    vectors = 3 * np.random.default_rng(1).standard_normal((1500, 8)).astype(np.float32)
    await make(service, CollectionSpec(dimension=8, metric=metric))
    await put(service, *(document(f"d{row}", each) for row, each in enumerate(vectors)))
    rows = unit_rows(vectors) if metric is Metric.COSINE else vectors
    for query in unit_vectors(5, seed=2):
        response = await service.search(near(query, top_k=20))
        expected = scores(rows, query, metric)
        assert ids(response.hits) == [f"d{row}" for row in np.argsort(-expected)[:20]]
        np.testing.assert_allclose([hit.score for hit in response.hits], np.sort(expected)[::-1][:20], atol=5e-6)
        assert [hit.rank for hit in response.hits] == list(range(1, 21))


async def test_equal_scores_are_ordered_by_id(service: SearchService) -> None:
    await make(service)
    await put(service, *(document(each, axis(0)) for each in ("c", "a", "b")))
    assert await ids_near(service, axis(0)) == ["a", "b", "c"]


async def test_top_k_beyond_the_documents_gives_them_all(service: SearchService) -> None:
    await make(service)
    assert await ids_near(service, axis(0)) == []
    await put(service, document("a", axis(0)), document("b", axis(1)))
    assert await ids_near(service, axis(0), top_k=10_000) == ["a", "b"]


@pytest.mark.parametrize("filter_", ["", "whole >= 0"])
def test_an_optimised_index_finds_more_than_any_walk_is_wide(indexes: Indexes, filter_: str) -> None:
    fields = (AttributeField("whole", AttributeType.INT),)
    index = indexes.open(VectorSpace("uid", DIMENSION, Metric.COSINE, fields))
    vectors = unit_vectors(4000)
    keys = np.arange(len(vectors))
    index.upsert(keys, vectors, [{"attributes.whole": key} for key in keys.tolist()])
    index.optimise()
    found = index.search(vectors[0], 3000, parse(filter_, fields_of(fields)) if filter_ else EVERYTHING)
    best = np.argsort(-(vectors @ vectors[0]))[:3000]
    assert len(found.keys) == 3000
    assert len(set(found.keys.tolist()) & set(best.tolist())) > 2970
    index.close()


async def test_score_threshold_leaves_farther_documents_out(service: SearchService) -> None:
    await make(service)
    await put(service, document("near", axis(0)), document("far", axis(1)))
    assert await ids_near(service, axis(0), score_threshold=0.5) == ["near"]


async def test_replaced_document_is_found_by_its_new_vector_alone(service: SearchService) -> None:
    await make(service)
    await put(service, document("a", axis(0)), document("b", axis(1)))
    before = await service.get_documents(NAME, ["a"], DocumentView())
    await put(service, document("a", axis(2)))
    response = await service.search(near(axis(2), top_k=1))
    assert ids(response.hits) == ["a"]
    assert response.hits[0].score == pytest.approx(1)
    after = response.hits[0].document
    assert isinstance(before[0], Document)
    assert after.create_time == before[0].create_time
    assert await service.count_documents(NAME) == 2


async def test_deleted_document_is_not_found_any_more(service: SearchService) -> None:
    await make(service)
    await put(service, document("a", axis(0)), document("b", axis(0)))
    assert await service.delete_documents(NAME, ["a", "nobody", "a"]) == 1
    assert await ids_near(service, axis(0)) == ["b"]
    assert await service.count_documents(NAME) == 1


async def test_weighted_parts_look_toward_and_away(service: SearchService) -> None:
    await make(service)
    await put(service, document("x", axis(0)), document("xy", vector(1, 1, 0, 0, 0, 0, 0, 0)), document("y", axis(1)))
    toward = SearchRequest(NAME, (QueryPart(axis(0), 2.0), QueryPart(axis(1), 1.0)))
    away = SearchRequest(NAME, (QueryPart(axis(0), 1.0), QueryPart(axis(1), -1.0)))
    assert ids((await service.search(toward)).hits) == ["xy", "x", "y"]
    hits = (await service.search(away)).hits
    assert ids(hits) == ["x", "xy", "y"]
    assert [hit.score for hit in hits] == pytest.approx([0.5**0.5, 0, -(0.5**0.5)], abs=1e-6)


async def test_parts_count_by_direction_not_by_length(service: SearchService) -> None:
    await make(service)
    await put(service, document("x", axis(0)), document("y", axis(1)))
    long = vector(1000, 0, 0, 0, 0, 0, 0, 0)
    hits = (await service.search(SearchRequest(NAME, (QueryPart(long), QueryPart(axis(1)))))).hits
    assert [hit.score for hit in hits] == pytest.approx([0.5**0.5, 0.5**0.5], abs=1e-6)


async def test_parts_that_cancel_out_are_refused(service: SearchService) -> None:
    await make(service)
    parts = (QueryPart(axis(0)), QueryPart(axis(0), -1.0))
    with pytest.raises(InvalidArgument) as refused:
        await service.search(SearchRequest(NAME, parts))
    assert refused.value.reason is Reason.VECTOR_INVALID


async def test_a_document_can_be_the_query(service: SearchService) -> None:
    await make(service)
    await put(service, document("a", axis(0)), document("b", axis(1)))
    assert ids((await service.search(SearchRequest(NAME, (QueryPart(DocumentReference("b")),), top_k=1))).hits) == ["b"]
    with pytest.raises(NotFound) as missing:
        await service.search(SearchRequest(NAME, (QueryPart(DocumentReference("c")),)))
    assert missing.value.reason is Reason.DOCUMENT_NOT_FOUND


async def test_pages_follow_one_another_without_gaps(service: SearchService) -> None:
    vectors = unit_vectors(30)
    await make(service)
    await put(service, *(document(f"d{row}", each) for row, each in enumerate(vectors)))
    whole = (await service.search(near(vectors[0], top_k=25))).hits
    found: list[Hit] = []
    token = ""
    while True:
        page = await service.search(near(vectors[0], top_k=25, page_size=10, page_token=token))
        found += page.hits
        token = page.next_page_token
        if not token:
            break
    assert [(hit.document, hit.rank) for hit in found] == [(hit.document, hit.rank) for hit in whole]
    # Pages are scored wide, so that they agree with one another to the last bit.
    np.testing.assert_allclose([hit.score for hit in found], [hit.score for hit in whole], atol=1e-6)


async def test_pages_stay_right_while_documents_come_and_go(service: SearchService) -> None:
    vectors = unit_vectors(20)
    await make(service)
    await put(service, *(document(f"d{row}", each) for row, each in enumerate(vectors)))
    first = await service.search(near(vectors[0], top_k=20, page_size=5))
    await service.delete_documents(NAME, [first.hits[0].document.id])
    await put(service, document("new", vectors[0]))
    second = await service.search(near(vectors[0], top_k=20, page_size=5, page_token=first.next_page_token))
    assert not set(ids(first.hits)) & set(ids(second.hits))
    assert "new" not in ids(second.hits)
    assert second.hits[0].rank == 6


async def test_page_token_of_another_request_is_refused(service: SearchService) -> None:
    vectors = unit_vectors(20)
    await make(service)
    await put(service, *(document(f"d{row}", each) for row, each in enumerate(vectors)))
    first = await service.search(near(vectors[0], page_size=2))
    for wrong in (first.next_page_token[:-2], "%%%", "W10=", "é"):
        with pytest.raises(InvalidArgument) as refused:
            await service.search(near(vectors[0], page_size=2, page_token=wrong))
        assert refused.value.reason is Reason.PAGE_TOKEN_INVALID
    with pytest.raises(InvalidArgument):
        await service.search(near(vectors[1], page_size=2, page_token=first.next_page_token))


async def test_view_chooses_what_is_returned(service: SearchService) -> None:
    await make(service)
    full = Document("a", Embedding(dense=axis(0)), ("red",), {"n": 1, "s": "text"})
    await put(service, full)
    view = DocumentView(embedding=True, tags=False, attribute_names=("s",))
    found = (await service.search(near(axis(0), view=view))).hits[0].document
    assert found.source == Embedding(dense=axis(0))
    assert (found.tags, found.attributes) == ((), {"s": "text"})


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.INT8])
async def test_smaller_dtypes_are_stored_as_float32(service: SearchService, dtype: DType) -> None:
    given = Vector.from_numpy(unit_vectors(1)[0], dtype)
    await make(service)
    await put(service, document("a", given))
    hit = (await service.search(near(given, view=DocumentView(embedding=True)))).hits[0]
    assert hit.score == pytest.approx(1)
    assert hit.document.source == Embedding(dense=Vector.from_numpy(given.to_numpy()))


async def test_searches_during_rewrites_never_miss_a_document(service: SearchService) -> None:
    await make(service)
    await put(service, *(document(f"d{place}", axis(place)) for place in range(8)))
    writes = asyncio.create_task(_rewrite(service, 60))
    while not writes.done():
        assert (await ids_near(service, axis(3), top_k=1)) == ["d3"]
    await writes


async def _rewrite(service: SearchService, times: int) -> None:
    for _ in range(times):
        await service.upsert_documents(UpsertRequest(NAME, (document("d3", axis(3)),)))
