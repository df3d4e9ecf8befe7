"""Searching gives the same results and the same errors in this process and over gRPC."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from prometheus_client import CollectorRegistry
from search_samples import DIMENSION, NAME, axis, document, ids, make, near, put, unit_vectors, vector

from sensorium import context
from sensorium.context import CallContext, Stage
from sensorium.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Reason,
    SensoriumError,
    Unimplemented,
)
from sensorium.model.collection import AttributeField, AttributeType, CollectionField, CollectionSpec, CollectionUpdate
from sensorium.model.content import Content
from sensorium.model.document import AttributeValue, Document, DocumentMask, DocumentView
from sensorium.model.embedding import Embedding
from sensorium.model.names import AliasName, CollectionName
from sensorium.model.search import (
    ChangeRequest,
    DocumentReference,
    FacetRequest,
    GroupBy,
    QueryPart,
    SearchRequest,
    SearchResponse,
    Selection,
    TagFilter,
    UpsertRequest,
)
from sensorium.model.vector import DType, Metric, MultiVector, SparseVector, Vector
from sensorium.ports import Searcher
from sensorium.rpc.channel import open_channel
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.registration import search_service
from sensorium.rpc.server import RpcServer
from sensorium.search.client import REPEATABLE, SearchClient
from sensorium.search.embedded import embedded_search
from sensorium.search.servicer import SearchServicer
from sensorium.settings import GrpcSettings, SearchSettings
from sensorium.telemetry.metrics import CallMetrics
from sensorium.v1 import search_service_pb2 as pb
from sensorium.v1.search_service_pb2_grpc import SearchServiceStub

LIMITS = SearchSettings(
    max_items=4, max_deletes=5, max_gets=5, max_top_k=50, max_page_size=3, max_query_parts=3, max_dimension=64
)
SPARSE = SparseVector(np.array([1, 5], np.uint32), np.array([0.5, 1], np.float32))
NONE = CollectionName("default", "none")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Searcher]:
    async with embedded_search(tmp_path, LIMITS) as service:
        yield service


@asynccontextmanager
async def served(service: Searcher) -> AsyncIterator[Channel]:
    registration = search_service(SearchServicer(service, LIMITS), ())
    settings = GrpcSettings(port=0, drain_seconds=0)
    async with (
        RpcServer(settings, [registration], Readiness(), CallMetrics(CollectorRegistry())) as server,
        open_channel(server.address, repeatable=REPEATABLE) as channel,
    ):
        yield channel


@pytest.fixture(params=["local", "remote"])
async def searcher(request: pytest.FixtureRequest, service: Searcher) -> AsyncIterator[Searcher]:
    if request.param == "local":
        yield service
        return
    async with served(service) as channel:
        yield SearchClient(channel)


@pytest.fixture
async def stub(service: Searcher) -> AsyncIterator[Any]:
    async with served(service) as channel:
        yield SearchServiceStub(channel)


async def refused(call: Awaitable[object], kind: type[SensoriumError], reason: Reason, field: str = "") -> None:
    with pytest.raises(SensoriumError) as caught:
        await call
    assert (type(caught.value), caught.value.reason, caught.value.field) == (kind, reason, field)


# --- Results --------------------------------------------------------------------------------------------------------


async def test_what_is_written_is_found_as_it_was(searcher: Searcher) -> None:
    attributes: dict[str, AttributeValue] = {
        "text": "Füße 足",
        "whole": -(2**63),
        "number": 1.5,
        "flag": False,
        "time": datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        "list": ("b", "a"),
    }
    given = Document("ü/1", Embedding(dense=axis(0)), ("b", "a"), attributes)
    await make(searcher)
    written = await put(searcher, given, document("other", axis(1)))
    assert (written.outcomes, written.written_count) == ((None, None), 2)
    response = await searcher.search(near(axis(0), view=DocumentView(embedding=True)))
    assert [(hit.document.id, hit.rank) for hit in response.hits] == [("ü/1", 1), ("other", 2)]
    assert [hit.score for hit in response.hits] == pytest.approx([1, 0], abs=1e-6)
    found = response.hits[0].document
    assert replace(found, create_time=None, update_time=None) == given
    assert response.timings.search_ms > 0
    assert await searcher.get_documents(NAME, ["ü/1"], DocumentView(embedding=True)) == [found]
    assert (await searcher.list_documents(NAME, 0, "", DocumentView(embedding=True))).items[1] == found
    assert await searcher.delete_documents(NAME, ["ü/1", "none"]) == 1
    assert await searcher.count_documents(NAME) == 1


async def test_a_stream_of_writes_is_answered_in_order_when_it_is_durable(searcher: Searcher) -> None:
    await make(searcher)

    async def requests() -> AsyncIterator[UpsertRequest]:
        for number in range(6):
            bad = Document(f"bad{number}", Embedding(dense=vector(1.0)))
            yield UpsertRequest(NAME, (document("same", axis(number)), document(f"d{number}", axis(number)), bad))

    outcomes = []
    async for response in searcher.upsert_stream(requests()):
        outcomes.append([error and error.reason for error in response.outcomes])
        assert await searcher.count_documents(NAME) > len(outcomes)
    assert outcomes == [[None, None, Reason.DIMENSION_MISMATCH]] * 6
    assert await searcher.count_documents(NAME) == 7
    assert (await searcher.search(near(axis(5), top_k=2, filter="id = 'same'"))).hits[0].score == pytest.approx(1)


@pytest.mark.parametrize(
    ("wrong", "kind", "reason"),
    [
        (UpsertRequest(NONE, (document("x", axis(0)),)), NotFound, Reason.COLLECTION_NOT_FOUND),
        (UpsertRequest(NAME, (document("x", axis(0)),) * 5), InvalidArgument, Reason.TOO_MANY_ITEMS),
        (UpsertRequest(NAME, ()), InvalidArgument, Reason.FIELD_INVALID),
        (UpsertRequest(NAME, (Document("x", Content.of_text("a")),)), FailedPrecondition, Reason.CONTENT_NOT_EMBEDDED),
    ],
)
async def test_the_first_wrong_request_ends_a_stream_of_writes(
    searcher: Searcher, wrong: UpsertRequest, kind: type[SensoriumError], reason: Reason
) -> None:
    await make(searcher)
    answered = asyncio.Event()

    async def requests() -> AsyncIterator[UpsertRequest]:
        yield UpsertRequest(NAME, (document("a", axis(0)),))
        await answered.wait()
        yield wrong

    responses = aiter(searcher.upsert_stream(requests()))
    assert (await anext(responses)).written_count == 1
    answered.set()
    with pytest.raises(SensoriumError) as caught:
        await anext(responses)
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert await searcher.count_documents(NAME) == 1


async def test_aliases_are_the_same_near_and_far(searcher: Searcher) -> None:
    await make(searcher)
    name = AliasName("default", "live")
    alias = await searcher.set_alias(name, NAME)
    assert (alias.name, alias.collection) == (name, NAME)
    assert await searcher.get_alias(name) == alias
    assert (await searcher.list_aliases("default", 0, "")).items == (alias,)
    assert await searcher.count_documents(name.as_collection) == 0
    await refused(searcher.delete_collection(NAME, force=True), FailedPrecondition, Reason.COLLECTION_IN_USE)
    await searcher.delete_alias(name)
    await refused(searcher.get_alias(name), NotFound, Reason.RESOURCE_NOT_FOUND)
    await refused(searcher.delete_alias(name), NotFound, Reason.RESOURCE_NOT_FOUND)
    await refused(searcher.set_alias(name, NONE), NotFound, Reason.COLLECTION_NOT_FOUND)


async def test_collections_and_documents_change_in_place(searcher: Searcher) -> None:
    await make(searcher)
    await put(searcher, document("a", axis(0)))
    color = AttributeField("color", AttributeType.STRING)
    update = CollectionUpdate(NAME, tuple(CollectionField), "new", (color,))
    changed = await searcher.update_collection(update)
    assert (changed.description, changed.attributes) == ("new", (color,))
    stale = replace(update, etag="older")
    await refused(searcher.update_collection(stale), Aborted, Reason.CONFLICT, "collection.etag")
    given = (Document("a", tags=("t",), attributes={"color": "red", "x": 1}), Document("none"), Document("\ud800"))
    outcomes = await searcher.change_documents(ChangeRequest(NAME, given, DocumentMask(True, False, ("color",))))
    assert [each and type(each) for each in outcomes] == [None, NotFound, InvalidArgument]
    (found,) = (await searcher.search(near(axis(0), filter="color = 'red'"))).hits
    assert (found.document.tags, found.document.attributes) == (("t",), {"color": "red"})
    await refused(
        searcher.change_documents(ChangeRequest(NAME, given * 2)), InvalidArgument, Reason.TOO_MANY_ITEMS, "documents"
    )
    await refused(searcher.change_documents(ChangeRequest(NONE, given)), NotFound, Reason.COLLECTION_NOT_FOUND)


async def test_a_repeated_creation_is_harmless_with_its_request_id(searcher: Searcher) -> None:
    spec = CollectionSpec(dimension=2)
    created = await searcher.create_collection(NAME, spec, request_id="r1")
    assert await searcher.create_collection(NAME, spec, request_id="r1") == created
    for other in ("r2", ""):
        with pytest.raises(AlreadyExists):
            await searcher.create_collection(NAME, spec, request_id=other)


async def test_collections_are_made_told_listed_and_deleted(searcher: Searcher) -> None:
    spec = CollectionSpec("d", "m", "r", 3, Metric.EUCLIDEAN, (AttributeField("year", AttributeType.INT),))
    created = await searcher.create_collection(NAME, spec)
    assert created == await searcher.get_collection(NAME)
    assert (
        CollectionSpec(
            created.description,
            created.model,
            created.model_revision,
            created.dimension,
            created.metric,
            created.attributes,
        )
        == spec
    )
    for name in ("a", "b", "c"):
        await searcher.create_collection(CollectionName("default", name), CollectionSpec(dimension=2))
    first = await searcher.list_collections("default", 10, "")
    second = await searcher.list_collections("default", 10, first.next_page_token)
    assert [[each.id for each in page.items] for page in (first, second)] == [["a", "b", "c"], ["news"]]
    await searcher.delete_collection(NAME, force=False)
    await refused(searcher.get_collection(NAME), NotFound, Reason.COLLECTION_NOT_FOUND)


async def test_queries_of_several_parts_and_pages_travel(searcher: Searcher) -> None:
    await make(searcher)
    await put(searcher, *(document(f"d{place}", axis(place)) for place in range(4)))
    query = (QueryPart(axis(0), 2.0), QueryPart(DocumentReference("d1")), QueryPart(axis(2), -1.0))
    request = SearchRequest(NAME, query, top_k=4, page_size=3)
    first = await searcher.search(request)
    second = await searcher.search(replace(request, page_token=first.next_page_token))
    assert ids(first.hits + second.hits) == ["d0", "d1", "d3", "d2"]
    assert [hit.score for hit in first.hits + second.hits] == pytest.approx([2, 1, 0, -1] / np.sqrt(6), abs=1e-6)
    assert [hit.rank for hit in second.hits] == [4]
    assert second.next_page_token == ""


async def test_page_sizes_are_clamped_not_refused(searcher: Searcher) -> None:
    await make(searcher)
    await put(searcher, *(document(f"d{place}", axis(place)) for place in range(4)))
    assert len((await searcher.list_documents(NAME, 1000, "", DocumentView())).items) == 3
    assert len((await searcher.search(near(axis(0), page_size=1000))).hits) == 3


async def test_time_is_recorded_on_the_call(searcher: Searcher) -> None:
    await make(searcher)
    with context.opened(CallContext()) as call:
        await searcher.search(near(axis(0)))
    assert call.stages[Stage.SEARCH] > 0


DECLARED = CollectionSpec(dimension=DIMENSION, attributes=(AttributeField("year", AttributeType.INT),))
SHELF = tuple(
    Document(f"d{place}", Embedding(dense=axis(place)), ("odd",) if place % 2 else ("even", "it's"), {"year": year})
    for place, year in enumerate((2000, 2001, 2000, 2003))
)


async def test_filters_and_tags_select_what_is_found_listed_counted_and_deleted(searcher: Searcher) -> None:
    await make(searcher, DECLARED)
    await put(searcher, *SHELF)
    filter_, tags = "year >= 2001", TagFilter(any=("odd", "even"), none=("it's",))
    selection = Selection(filter_, tags)
    assert ids((await searcher.search(near(axis(3), filter=filter_, tags=tags))).hits) == ["d3", "d1"]
    first = await searcher.list_documents(NAME, 1, "", DocumentView(), selection)
    second = await searcher.list_documents(NAME, 1, first.next_page_token, DocumentView(), selection)
    assert [each.id for each in first.items + second.items] == ["d1", "d3"]
    wrong = searcher.list_documents(NAME, 1, first.next_page_token, DocumentView())
    await refused(wrong, InvalidArgument, Reason.PAGE_TOKEN_INVALID, "page_token")
    assert await searcher.count_documents(NAME, selection) == 2
    assert await searcher.delete_selected(NAME, selection) == 2
    assert await searcher.delete_selected(NAME, selection) == 0
    assert ids((await searcher.search(near(axis(3)))).hits) == ["d0", "d2"]


async def test_facets_count_the_whole_filtered_set(searcher: Searcher) -> None:
    await make(searcher, DECLARED)
    await put(searcher, *SHELF)
    facets = (FacetRequest("tags", 2), FacetRequest("year", 1))
    response = await searcher.search(near(axis(0), top_k=1, filter="year < 2003", facets=facets))
    assert [(facet.field, facet.counts, facet.value_count) for facet in response.facets] == [
        ("tags", (("even", 2), ("it's", 2)), 3),
        ("year", ((2000, 2),), 2),
    ]
    assert ids(response.hits) == ["d0"]


async def test_groups_show_the_nearest_of_each_value(searcher: Searcher) -> None:
    await make(searcher, DECLARED)
    await put(searcher, *SHELF)
    await put(searcher, document("none", axis(7)))
    response = await searcher.search(near(vector(4, 3, 2, 1, 0, 0, 0, 0), top_k=3, group_by=GroupBy("year", 2)))
    assert [(group.value, ids(group.hits)) for group in response.groups] == [
        (2000, ["d0", "d2"]),
        (2001, ["d1"]),
        (2003, ["d3"]),
    ]
    every = await searcher.search(near(axis(7), top_k=1, group_by=GroupBy("year")))
    assert [(group.value, ids(group.hits)) for group in every.groups] == [(None, ["none"])]


async def test_batches_answer_each_search_in_order(searcher: Searcher) -> None:
    await make(searcher, DECLARED)
    await put(searcher, *SHELF)
    lost = replace(near(axis(0)), collection=NONE)
    first, failed, third = await searcher.batch_search([near(axis(1), top_k=1), lost, near(axis(2), top_k=1)])
    assert isinstance(failed, NotFound)
    assert [ids(each.hits) for each in (first, third) if isinstance(each, SearchResponse)] == [["d1"], ["d2"]]


async def test_explaining_shows_the_filter_the_steps_and_the_matches(searcher: Searcher) -> None:
    await make(searcher, DECLARED)
    await put(searcher, *SHELF)
    request = near(axis(0), filter="not(year=2000)", tags=TagFilter(all=("odd",)), score_threshold=0.5)
    plan = await searcher.explain(request)
    assert (plan.canonical_filter, plan.match_count) == ('NOT year = 2000 AND tags HAS "odd"', 2)
    assert plan.steps == (
        "ask the index for up to 101 matching documents: it has 2",
        "score each of them by its stored vector",
        "leave out what scores less than 0.5",
    )


# --- Refusals -------------------------------------------------------------------------------------------------------


async def test_unknown_collections_are_not_found(searcher: Searcher) -> None:
    calls = (
        searcher.get_collection(NONE),
        searcher.delete_collection(NONE, force=True),
        searcher.count_documents(NONE),
        searcher.list_documents(NONE, 0, "", DocumentView()),
        searcher.get_documents(NONE, ["a"], DocumentView()),
        searcher.delete_documents(NONE, ["a"]),
        searcher.upsert_documents(UpsertRequest(NONE, (document("a", axis(0)),))),
        searcher.search(replace(near(axis(0)), collection=NONE)),
    )
    for call in calls:
        await refused(call, NotFound, Reason.COLLECTION_NOT_FOUND)


BAD_SPECS: list[tuple[CollectionSpec, str]] = [
    (CollectionSpec(), "collection.dimension"),
    (CollectionSpec(dimension=65), "collection.dimension"),
    (CollectionSpec(dimension=-1), "collection.dimension"),
    (CollectionSpec(model="m"), "collection.dimension"),
    (CollectionSpec(dimension=2, description="x" * 2049), "collection.description"),
    (CollectionSpec(dimension=2, description="\0"), "collection.description"),
    (
        CollectionSpec(dimension=2, attributes=(AttributeField("1", AttributeType.INT),)),
        "collection.attributes[0].field",
    ),
    (
        CollectionSpec(dimension=2, attributes=(AttributeField("a", AttributeType.INT),) * 2),
        "collection.attributes[1].field",
    ),
    (
        CollectionSpec(dimension=2, attributes=tuple(AttributeField(f"a{n}", AttributeType.INT) for n in range(65))),
        "collection.attributes",
    ),
]


@pytest.mark.parametrize(("spec", "field"), BAD_SPECS)
async def test_bad_collections_are_refused(searcher: Searcher, spec: CollectionSpec, field: str) -> None:
    await refused(searcher.create_collection(NAME, spec), InvalidArgument, Reason.FIELD_INVALID, field)
    assert (await searcher.list_collections("default", 0, "")).items == ()


async def test_collections_are_made_once_and_kept_while_full(searcher: Searcher) -> None:
    await make(searcher)
    await refused(make(searcher), AlreadyExists, Reason.RESOURCE_EXISTS)
    bad = CollectionName("default", "Bad")
    await refused(
        searcher.create_collection(bad, CollectionSpec(dimension=2)),
        InvalidArgument,
        Reason.NAME_INVALID,
        "collection_id",
    )
    await put(searcher, document("a", axis(0)))
    await refused(searcher.delete_collection(NAME, force=False), FailedPrecondition, Reason.COLLECTION_NOT_EMPTY)


def with_fields(**fields: Any) -> Document:
    return replace(document("bad", axis(0)), **fields)


def dense(found: Vector) -> Document:
    return document("bad", found)


BAD_DOCUMENTS: list[tuple[Document, type[SensoriumError], Reason, str]] = [
    (document("", axis(0)), InvalidArgument, Reason.NAME_INVALID, "name"),
    (document("x" * 513, axis(0)), InvalidArgument, Reason.NAME_INVALID, "name"),
    (document("a\n", axis(0)), InvalidArgument, Reason.NAME_INVALID, "name"),
    (Document("bad"), InvalidArgument, Reason.FIELD_INVALID, "embedding"),
    (Document("bad", Embedding()), InvalidArgument, Reason.FIELD_INVALID, "embedding.dense"),
    (Document("bad", Embedding(dense=axis(0), sparse=SPARSE)), Unimplemented, Reason.NOT_BUILT, ""),
    (
        Document("bad", Embedding(dense=axis(0), multi=MultiVector(bytes(4), DType.FLOAT32, 1, 1))),
        Unimplemented,
        Reason.NOT_BUILT,
        "",
    ),
    (dense(axis(0, 3)), InvalidArgument, Reason.DIMENSION_MISMATCH, "embedding.dense"),
    (dense(Vector(b"", DType.FLOAT32, 0)), InvalidArgument, Reason.DIMENSION_MISMATCH, "embedding.dense"),
    (dense(Vector(bytes(31), DType.FLOAT32, 8)), InvalidArgument, Reason.VECTOR_INVALID, "embedding.dense"),
    (dense(Vector(bytes(32), DType.FLOAT32, 8)), InvalidArgument, Reason.VECTOR_INVALID, "embedding.dense"),
    (dense(vector(np.nan, *[1] * 7)), InvalidArgument, Reason.VECTOR_INVALID, "embedding.dense"),
    (dense(vector(np.inf, *[1] * 7)), InvalidArgument, Reason.VECTOR_INVALID, "embedding.dense"),
    (dense(vector(*[3e38] * 8)), InvalidArgument, Reason.VECTOR_INVALID, "embedding.dense"),
    (
        dense(Vector(bytes([1] * 8), DType.INT8, 8, float("nan"))),
        InvalidArgument,
        Reason.VECTOR_INVALID,
        "embedding.dense",
    ),
    (dense(Vector(b"\1", DType.BINARY, 8)), InvalidArgument, Reason.OPTION_UNSUPPORTED, "embedding.dense"),
    (with_fields(tags=("",)), InvalidArgument, Reason.FIELD_INVALID, "tags[0]"),
    (with_fields(tags=("x" * 129,)), InvalidArgument, Reason.FIELD_INVALID, "tags[0]"),
    (with_fields(tags=("\0",)), InvalidArgument, Reason.FIELD_INVALID, "tags[0]"),
    (with_fields(tags=("a", "a")), InvalidArgument, Reason.FIELD_INVALID, "tags"),
    (with_fields(tags=tuple(map(str, range(257)))), InvalidArgument, Reason.FIELD_INVALID, "tags"),
    (with_fields(attributes={str(n): n for n in range(129)}), InvalidArgument, Reason.FIELD_INVALID, "attributes"),
    (with_fields(attributes={"a": "x" * 32768, "b": "x" * 32768}), InvalidArgument, Reason.FIELD_INVALID, "attributes"),
    (with_fields(attributes={"a": "x" * 32769}), InvalidArgument, Reason.FIELD_INVALID, "attributes['a']"),
    (with_fields(attributes={"a": float("nan")}), InvalidArgument, Reason.FIELD_INVALID, "attributes['a']"),
    (with_fields(attributes={"a": 2**63}), InvalidArgument, Reason.FIELD_INVALID, "attributes['a']"),
    (with_fields(attributes={"a": ("x",) * 257}), InvalidArgument, Reason.FIELD_INVALID, "attributes['a']"),
    (with_fields(attributes={"a\0": 1}), InvalidArgument, Reason.FIELD_INVALID, "attributes['a\\x00']"),
    (with_fields(attributes={"": 1}), InvalidArgument, Reason.FIELD_INVALID, "attributes['']"),
    (
        with_fields(attributes={"year": "2026"}),
        InvalidArgument,
        Reason.ATTRIBUTE_TYPE_MISMATCH,
        "attributes['year']",
    ),
    (with_fields(attributes={"year": True}), InvalidArgument, Reason.ATTRIBUTE_TYPE_MISMATCH, "attributes['year']"),
]


@pytest.mark.parametrize(("bad", "kind", "reason", "path"), BAD_DOCUMENTS)
async def test_bad_documents_fail_alone(
    searcher: Searcher, bad: Document, kind: type[SensoriumError], reason: Reason, path: str
) -> None:
    await make(searcher, CollectionSpec(dimension=8, attributes=(AttributeField("year", AttributeType.INT),)))
    response = await put(searcher, document("good", axis(1)), bad, document("also", axis(2)))
    good, outcome, also = response.outcomes
    assert (good, also) == (None, None)
    assert outcome
    assert (type(outcome), outcome.reason) == (kind, reason)
    assert outcome.field == (f"documents[1].{path}" if path else "")
    assert response.written_count == 2
    page = await searcher.list_documents(NAME, 0, "", DocumentView())
    assert [each.id for each in page.items] == ["also", "good"]


BAD_SEARCHES: list[tuple[dict[str, Any], type[SensoriumError], Reason, str]] = [
    ({"query": ()}, InvalidArgument, Reason.FIELD_INVALID, "query"),
    ({"query": (QueryPart(axis(0)),) * 4}, InvalidArgument, Reason.TOO_MANY_ITEMS, "query"),
    ({"query": (QueryPart(axis(0), 0.0),)}, InvalidArgument, Reason.FIELD_INVALID, "query[0].weight"),
    ({"query": (QueryPart(axis(0), float("nan")),)}, InvalidArgument, Reason.FIELD_INVALID, "query[0].weight"),
    ({"query": (QueryPart(axis(0), float("inf")),)}, InvalidArgument, Reason.FIELD_INVALID, "query[0].weight"),
    ({"query": (QueryPart(axis(0)), QueryPart(axis(0), -1.0))}, InvalidArgument, Reason.VECTOR_INVALID, "query"),
    ({"query": (QueryPart(axis(0, 3)),)}, InvalidArgument, Reason.DIMENSION_MISMATCH, "query[0].vector"),
    (
        {"query": (QueryPart(Vector(b"123", DType.FLOAT32, 8)),)},
        InvalidArgument,
        Reason.VECTOR_INVALID,
        "query[0].vector",
    ),
    ({"query": (QueryPart(vector(*[np.nan] * 8)),)}, InvalidArgument, Reason.VECTOR_INVALID, "query[0].vector"),
    ({"query": (QueryPart(vector(*[0] * 8)),)}, InvalidArgument, Reason.VECTOR_INVALID, "query[0].vector"),
    ({"query": (QueryPart(SPARSE),)}, Unimplemented, Reason.NOT_BUILT, ""),
    (
        {"query": (QueryPart(Content.of_text("a")),)},
        FailedPrecondition,
        Reason.CONTENT_NOT_EMBEDDED,
        "query[0].content",
    ),
    ({"query": (QueryPart(DocumentReference("none")),)}, NotFound, Reason.DOCUMENT_NOT_FOUND, ""),
    ({"query": (QueryPart(DocumentReference("\n")),)}, InvalidArgument, Reason.NAME_INVALID, "query[0].document"),
    ({"top_k": -1}, InvalidArgument, Reason.FIELD_INVALID, "top_k"),
    ({"top_k": 51}, InvalidArgument, Reason.FIELD_INVALID, "top_k"),
    ({"page_size": -1}, InvalidArgument, Reason.FIELD_INVALID, "page_size"),
    ({"page_token": "x"}, InvalidArgument, Reason.PAGE_TOKEN_INVALID, "page_token"),
    ({"score_threshold": float("nan")}, InvalidArgument, Reason.FIELD_INVALID, "score_threshold"),
    ({"model": "other"}, FailedPrecondition, Reason.MODEL_MISMATCH, "model"),
    ({"model_revision": "r2"}, FailedPrecondition, Reason.MODEL_MISMATCH, "model_revision"),
    ({"filter": "year >"}, InvalidArgument, Reason.FILTER_INVALID, "filter"),
    ({"filter": "none = 1"}, InvalidArgument, Reason.FILTER_INVALID, "filter"),
    ({"filter": "id = '\ud800'"}, InvalidArgument, Reason.FILTER_INVALID, "filter"),
    ({"tags": TagFilter(any=("a", ""))}, InvalidArgument, Reason.FIELD_INVALID, "tags.any[1]"),
    ({"tags": TagFilter(all=("x" * 129,))}, InvalidArgument, Reason.FIELD_INVALID, "tags.all[0]"),
    ({"tags": TagFilter(none=("a\0",))}, InvalidArgument, Reason.FIELD_INVALID, "tags.none[0]"),
    ({"tags": TagFilter(all=("a",) * 257)}, InvalidArgument, Reason.TOO_MANY_ITEMS, "tags.all"),
    ({"facets": (FacetRequest("year"),)}, InvalidArgument, Reason.FIELD_INVALID, "facets[0].field"),
    ({"facets": (FacetRequest("tags"), FacetRequest("id"))}, InvalidArgument, Reason.FIELD_INVALID, "facets[1].field"),
    ({"facets": (FacetRequest("tags", -1),)}, InvalidArgument, Reason.FIELD_INVALID, "facets[0].limit"),
    ({"facets": (FacetRequest("tags"),) * 17}, InvalidArgument, Reason.TOO_MANY_ITEMS, "facets"),
    ({"group_by": GroupBy("year"), "top_k": 3}, InvalidArgument, Reason.FIELD_INVALID, "group_by.field"),
    ({"group_by": GroupBy("tags"), "top_k": 3}, InvalidArgument, Reason.FIELD_INVALID, "group_by.field"),
    ({"group_by": GroupBy("colours"), "top_k": 3}, InvalidArgument, Reason.FIELD_INVALID, "group_by.field"),
    ({"group_by": GroupBy("n", -1)}, InvalidArgument, Reason.FIELD_INVALID, "group_by.group_size"),
    ({"group_by": GroupBy("n", 101)}, InvalidArgument, Reason.FIELD_INVALID, "group_by.group_size"),
    ({"group_by": GroupBy("n"), "top_k": 4}, InvalidArgument, Reason.FIELD_INVALID, "top_k"),
    ({"group_by": GroupBy("n"), "top_k": 3, "page_size": 2}, InvalidArgument, Reason.FIELD_INVALID, "page_size"),
    ({"group_by": GroupBy("n"), "top_k": 3, "page_token": "x"}, InvalidArgument, Reason.FIELD_INVALID, "page_size"),
]


@pytest.mark.parametrize(("fields", "kind", "reason", "field"), BAD_SEARCHES)
async def test_bad_searches_are_refused(
    searcher: Searcher, fields: dict[str, Any], kind: type[SensoriumError], reason: Reason, field: str
) -> None:
    declared = (AttributeField("n", AttributeType.INT), AttributeField("colours", AttributeType.STRING_LIST))
    spec = CollectionSpec(model="m", model_revision="r1", dimension=DIMENSION, attributes=declared)
    await make(searcher, spec)
    request = replace(near(axis(0)), **fields)
    await refused(searcher.search(request), kind, reason, field)
    good, bad = await searcher.batch_search([near(axis(0)), request])
    assert isinstance(good, SearchResponse)
    assert isinstance(bad, SensoriumError)
    assert (type(bad), bad.reason, bad.field) == (kind, reason, field)


BAD_SELECTIONS: list[tuple[Selection, Reason, str]] = [
    (Selection("year = 'x'"), Reason.FILTER_INVALID, "filter"),
    (Selection("\udc00"), Reason.FILTER_INVALID, "filter"),
    (Selection(tags=TagFilter(none=("",))), Reason.FIELD_INVALID, "tags.none[0]"),
]


@pytest.mark.parametrize(("selection", "reason", "field"), BAD_SELECTIONS)
async def test_bad_selections_are_refused_and_change_nothing(
    searcher: Searcher, selection: Selection, reason: Reason, field: str
) -> None:
    await make(searcher, DECLARED)
    await put(searcher, *SHELF)
    for call in (
        searcher.count_documents(NAME, selection),
        searcher.list_documents(NAME, 0, "", DocumentView(), selection),
        searcher.delete_selected(NAME, selection),
        searcher.explain(near(axis(0), filter=selection.filter, tags=selection.tags)),
    ):
        await refused(call, InvalidArgument, reason, field)
    assert await searcher.count_documents(NAME) == 4


async def test_filter_errors_point_at_the_column(searcher: Searcher) -> None:
    await make(searcher, DECLARED)
    with pytest.raises(InvalidArgument) as caught:
        await searcher.search(near(axis(0), filter="year > 2000 AND colour = 'red'"))
    assert caught.value.metadata == {"column": "17", "expected": "one of id, tags, create_time, update_time, year"}


async def test_deleting_what_nothing_selects_is_refused(searcher: Searcher) -> None:
    await make(searcher)
    await refused(searcher.delete_selected(NAME, Selection(" ")), InvalidArgument, Reason.FIELD_INVALID, "filter")


@pytest.mark.parametrize("count", [0, 101])
async def test_batches_have_one_search_to_a_hundred(searcher: Searcher, count: int) -> None:
    await make(searcher)
    reason = Reason.TOO_MANY_ITEMS if count else Reason.FIELD_INVALID
    await refused(searcher.batch_search([near(axis(0))] * count), InvalidArgument, reason, "requests")


async def test_writes_of_another_model_or_of_contents_change_nothing(searcher: Searcher) -> None:
    await make(searcher, CollectionSpec(model="m", model_revision="r1", dimension=DIMENSION))
    good = document("a", axis(0))
    other = UpsertRequest(NAME, (good,), model="other")
    await refused(searcher.upsert_documents(other), FailedPrecondition, Reason.MODEL_MISMATCH, "model")
    content = put(searcher, good, Document("b", Content.of_text("b")))
    await refused(content, FailedPrecondition, Reason.CONTENT_NOT_EMBEDDED, "documents[1].content")
    assert await searcher.count_documents(NAME) == 0


@pytest.mark.parametrize("count", [0, 6, 100_000])
async def test_no_items_and_too_many_are_refused(searcher: Searcher, count: int) -> None:
    await make(searcher)
    reason = Reason.TOO_MANY_ITEMS if count else Reason.FIELD_INVALID
    names = ["a"] * count
    await refused(searcher.get_documents(NAME, names, DocumentView()), InvalidArgument, reason, "names")
    await refused(searcher.delete_documents(NAME, names), InvalidArgument, reason, "names")
    writes = searcher.upsert_documents(UpsertRequest(NAME, (document("a", axis(0)),) * count))
    await refused(writes, InvalidArgument, reason, "documents")


async def test_bad_page_sizes_and_tokens_of_lists_are_refused(searcher: Searcher) -> None:
    await make(searcher)
    calls: list[Callable[[int, str], Awaitable[object]]] = [
        lambda size, token: searcher.list_collections("default", size, token),
        lambda size, token: searcher.list_documents(NAME, size, token, DocumentView()),
    ]
    for call in calls:
        await refused(call(-1, ""), InvalidArgument, Reason.FIELD_INVALID, "page_size")
        await refused(call(1, "x"), InvalidArgument, Reason.PAGE_TOKEN_INVALID, "page_token")


async def test_an_expired_deadline_is_told_and_changes_nothing(searcher: Searcher) -> None:
    await make(searcher)
    with context.opened(CallContext(deadline=time.monotonic() - 1)):
        await refused(searcher.search(near(axis(0))), DeadlineExceeded, Reason.DEADLINE_EXCEEDED)
        await refused(put(searcher, document("a", axis(0))), DeadlineExceeded, Reason.DEADLINE_EXCEEDED)
    assert await searcher.count_documents(NAME) == 0


# --- What only the wire can carry -----------------------------------------------------------------------------------


async def test_names_of_another_collection_fail_alone(stub: Any, service: Searcher) -> None:
    await make(service)
    name = "workspaces/default/collections/other/documents/a"
    response = await stub.BatchGetDocuments(pb.BatchGetDocumentsRequest(parent=str(NAME), names=[name, "documents/b"]))
    assert [result.error.code for result in response.results] == [3, 5]


async def test_an_alias_may_be_written_as_alias_or_as_collection(stub: Any, service: Searcher) -> None:
    await make(service)
    await put(service, document("a", axis(0)))
    await service.set_alias(AliasName("default", "live"), NAME)
    for parent in ("workspaces/default/aliases/live", "aliases/live", "workspaces/default/collections/live"):
        names = [f"{parent}/documents/a", "documents/a", "aliases/live/documents/a", "collections/live/documents/a"]
        found = (await stub.BatchGetDocuments(pb.BatchGetDocumentsRequest(parent=parent, names=names))).results
        assert {each.document.name for each in found} == {"workspaces/default/collections/live/documents/a"}
        assert (await stub.CountDocuments(pb.CountDocumentsRequest(parent=parent))).count == 1
        assert (await stub.GetCollection(pb.GetCollectionRequest(name=parent))).collection.name == str(NAME)


async def test_masks_name_what_can_change(stub: Any, service: Searcher) -> None:
    await make(service)
    await put(service, document("a", axis(0)))
    named = pb.Collection(name=str(NAME), description="both")
    changed = (await stub.UpdateCollection(pb.UpdateCollectionRequest(collection=named))).collection
    assert changed.description == "both"
    for path in ("dimension", "name", "x"):
        request = pb.UpdateCollectionRequest(collection=named, update_mask=FieldMask(paths=[path]))
        await refused(stub.UpdateCollection(request), InvalidArgument, Reason.FIELD_INVALID, "update_mask")
    for path in ("embedding", "attributes.", "name"):
        change = pb.BatchUpdateDocumentsRequest(
            parent=str(NAME), documents=[pb.Document(name="documents/a")], update_mask=FieldMask(paths=[path])
        )
        await refused(stub.BatchUpdateDocuments(change), InvalidArgument, Reason.FIELD_INVALID, "update_mask")
    change = pb.BatchUpdateDocumentsRequest(
        parent=str(NAME),
        documents=[pb.Document(name="documents/a", tags=["t"]), pb.Document(name="collections/x/documents/a")],
    )
    statuses = (await stub.BatchUpdateDocuments(change)).statuses
    assert [status.code for status in statuses] == [0, 3]


async def test_deletion_takes_names_or_a_filter(stub: Any, service: Searcher) -> None:
    await make(service)
    both = pb.DeleteDocumentsRequest(parent=str(NAME), names=["documents/a"], filter="id = 'a'")
    await refused(stub.DeleteDocuments(both), InvalidArgument, Reason.FIELD_INVALID, "names")


async def test_unset_parts_and_bad_names_are_refused(stub: Any, service: Searcher) -> None:
    await make(service)
    await refused(stub.GetCollection(pb.GetCollectionRequest(name="x")), InvalidArgument, Reason.NAME_INVALID, "name")
    empty = pb.SearchRequest(parent=str(NAME), query=[pb.QueryPart()])
    await refused(stub.Search(empty), InvalidArgument, Reason.FIELD_INVALID, "query[0]")
    unknown = pb.CreateCollectionRequest(collection_id="a", collection=pb.Collection(metric=9))  # type: ignore[arg-type]
    await refused(stub.CreateCollection(unknown), InvalidArgument, Reason.FIELD_INVALID, "collection.metric")


async def test_many_documents_travel_in_one_write(stub: Any, service: Searcher) -> None:
    await make(service)
    vectors = unit_vectors(4)
    request = pb.UpsertDocumentsRequest(parent="collections/news")
    for row, components in enumerate(vectors):
        written = request.documents.add(name=f"documents/d{row}")
        written.embedding.dense.data = components.tobytes()
        written.embedding.dense.dimension = DIMENSION
    assert (await stub.UpsertDocuments(request)).written_count == 4
    assert await service.count_documents(NAME) == 4
