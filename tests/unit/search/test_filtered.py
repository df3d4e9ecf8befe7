"""What filtered searches find, on every engine: min(k, matches) hits, at any selectivity and while data changes."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from search_samples import NAME, axis, ids, make, near, put, unit_vectors
from sqlalchemy import insert, select

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.collection import AttributeField, AttributeType, CollectionSpec
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Embedding
from sensorium.model.search import (
    DocumentReference,
    FacetRequest,
    GroupBy,
    Hit,
    QueryPart,
    SearchRequest,
    Selection,
    TagFilter,
)
from sensorium.model.vector import Metric, Vector
from sensorium.search import planner
from sensorium.search.service import SearchService
from sensorium.search.tables import collections
from sensorium.search.tables import documents as table
from sensorium.storage.engine import open_engine
from sensorium.storage.format import bring_up_to_date

COUNT = 1500
VECTORS = unit_vectors(COUNT, seed=5)
SPEC = CollectionSpec(
    dimension=8,
    attributes=(
        AttributeField("row", AttributeType.INT),
        AttributeField("title", AttributeType.STRING),
        AttributeField("even", AttributeType.BOOL),
    ),
)


def shelf_document(row: int) -> Document:
    attributes = {"row": row, "title": f"Book {row % 7}, red car", "even": row % 2 == 0}
    return Document(f"d{row:04}", Embedding(dense=Vector.from_numpy(VECTORS[row])), (f"t{row % 3}",), attributes)


async def fill(service: SearchService, metric: Metric = Metric.COSINE) -> None:
    await make(service, replace(SPEC, metric=metric))
    await put(service, *map(shelf_document, range(COUNT)))


def best(query: np.ndarray, rows: list[int], top_k: int) -> list[str]:
    order = sorted(rows, key=lambda row: -float(VECTORS[row] @ query))
    return [f"d{row:04}" for row in order[:top_k]]


@pytest.mark.parametrize(("few", "neighbours_from"), [(0, COUNT + 1), (0, 0), (100, COUNT + 1), (10_000, COUNT + 1)])
async def test_every_plan_finds_min_k_matches_at_any_selectivity(
    service: SearchService, monkeypatch: pytest.MonkeyPatch, few: int, neighbours_from: int
) -> None:
    monkeypatch.setattr(planner, "FEW", few)
    monkeypatch.setattr(planner, "NEIGHBOURS_FROM", neighbours_from)
    await fill(service)
    for query in unit_vectors(2, seed=9):
        for bound in (0, 1, 5, 40, 700, COUNT):
            rows = list(range(bound))
            response = await service.search(near(query, top_k=30, filter=f"row < {bound}"))
            assert ids(response.hits) == best(query, rows, 30)
            # The index cannot say this one.
            response = await service.search(near(query, top_k=30, filter=f"row < {bound} AND NOT title:'book 3'"))
            assert ids(response.hits) == best(query, [row for row in rows if row % 7 != 3], 30)


async def test_tags_any_all_and_none_hold_together(service: SearchService) -> None:
    await fill(service)
    found = await service.search(
        near(VECTORS[0], top_k=20, filter="row < 90", tags=TagFilter(any=("t1", "t2", "none"), none=("t2",)))
    )
    assert ids(found.hits) == best(VECTORS[0], [row for row in range(90) if row % 3 == 1], 20)
    both = await service.search(near(VECTORS[0], tags=TagFilter(all=("t1", "t2"))))
    assert both.hits == ()


async def test_index_that_brings_too_few_is_helped_out(service: SearchService, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(service)
    monkeypatch.setattr(planner, "FEW", 0)
    opened = service._library._open[NAME]
    search = opened.follower.index.search
    monkeypatch.setattr(opened.follower.index, "search", lambda query, top_k, part: search(query, top_k // 2, part))
    found = await service.search(near(VECTORS[3], top_k=20, filter="even = TRUE"))
    assert ids(found.hits) == best(VECTORS[3], list(range(0, COUNT, 2)), 20)


async def test_store_has_the_last_word_on_what_satisfies_a_filter(
    service: SearchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(service)
    opened = service._library._open[NAME]
    monkeypatch.setattr(opened.follower.index, "matching", lambda part, limit: np.arange(1, 40))
    found = await service.search(near(VECTORS[3], top_k=50, filter="row < 5"))
    assert sorted(ids(found.hits)) == [f"d{row:04}" for row in range(5)]


async def test_threshold_and_pages_work_with_filters(service: SearchService) -> None:
    await fill(service)
    request = near(VECTORS[3], top_k=45, page_size=20, filter="even = FALSE", score_threshold=0.3)
    found: list[Hit] = []
    token = ""
    while token or not found:
        page = await service.search(replace(request, page_token=token))
        found += page.hits
        token = page.next_page_token
    odd = [row for row in range(1, COUNT, 2) if VECTORS[row] @ VECTORS[3] >= 0.3]
    assert ids(found) == best(VECTORS[3], odd, 45)
    assert [hit.rank for hit in found] == list(range(1, len(found) + 1))


async def test_pages_stay_right_when_the_plan_changes_between_them(
    service: SearchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(service)
    request = near(VECTORS[3], top_k=30, page_size=10, filter="even = TRUE")
    pages, token = [], ""
    for few in (0, 10_000, 0):
        monkeypatch.setattr(planner, "FEW", few)
        page = await service.search(replace(request, page_token=token))
        pages += page.hits
        token = page.next_page_token
    assert ids(pages) == best(VECTORS[3], list(range(0, COUNT, 2)), 30)
    with pytest.raises(InvalidArgument) as refused:
        await service.search(replace(request, filter="even = FALSE", page_token=token or "x"))
    assert refused.value.reason is Reason.PAGE_TOKEN_INVALID


@pytest.mark.parametrize("few", [0, 100])
async def test_filtered_searches_during_rewrites_never_miss_a_document(
    service: SearchService, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(planner, "FEW", few)
    await make(service, SPEC)
    await put(service, *map(shelf_document, range(20)))

    async def rewrite() -> None:
        for _ in range(60):
            await put(service, shelf_document(3))

    writes = asyncio.create_task(rewrite())
    while not writes.done():
        assert ids((await service.search(near(VECTORS[3], top_k=1, filter="row < 10"))).hits) == ["d0003"]
    await writes


async def test_what_an_index_misses_while_it_changes_is_found_in_the_store(
    service: SearchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(service, SPEC)
    await put(service, *map(shelf_document, range(20)))
    opened = service._library._open[NAME]
    before = opened.follower.applied_seq
    await put(service, shelf_document(3))
    # As it was when the index was asked: the replacement was under way.
    monkeypatch.setattr(opened.follower, "_applied", before)
    listed = opened.follower.index.matching
    monkeypatch.setattr(opened.follower.index, "matching", lambda part, limit: listed(part, limit)[:0])
    assert ids((await service.search(near(VECTORS[3], filter="row = 3"))).hits) == ["d0003"]


async def test_a_document_can_be_the_query_of_a_filtered_search(service: SearchService) -> None:
    await fill(service)
    query = (QueryPart(DocumentReference("d0007")),)
    found = await service.search(SearchRequest(NAME, query, filter="row > 7", top_k=3))
    assert ids(found.hits) == best(VECTORS[7], list(range(8, COUNT)), 3)


async def test_changed_attributes_are_found_by_their_new_values_alone(service: SearchService) -> None:
    await make(service, SPEC)
    await put(service, shelf_document(1))
    await put(service, replace(shelf_document(1), attributes={"row": 99}, tags=("new",)))
    assert await service.count_documents(NAME, Selection("row = 1 OR HAS title OR tags HAS 't1'")) == 0
    assert ids((await service.search(near(VECTORS[1], filter="row = 99 AND tags:'NEW'"))).hits) == ["d0001"]
    assert (await service.search(near(VECTORS[1], filter="row = 1"))).hits == ()


async def test_deleting_by_filter_takes_many_and_spares_what_came_later(service: SearchService) -> None:
    await fill(service)
    assert await service.delete_selected(NAME, Selection("row >= 200 AND title:'car'")) == COUNT - 200
    assert await service.count_documents(NAME) == 200
    assert len((await service.search(near(VECTORS[0], top_k=1000))).hits) == 200


async def test_facets_count_everything_that_matches_most_frequent_first(service: SearchService) -> None:
    await fill(service)
    facets = (FacetRequest("tags"), FacetRequest("even"), FacetRequest("title", 2))
    tags, even, title = (await service.search(near(VECTORS[0], top_k=1, filter="row < 100", facets=facets))).facets
    assert (tags.counts, tags.value_count) == ((("t0", 34), ("t1", 33), ("t2", 33)), 3)
    assert even.counts == ((False, 50), (True, 50))
    assert (title.counts, title.value_count) == ((("Book 0, red car", 15), ("Book 1, red car", 15)), 7)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("metric", [Metric.COSINE, Metric.EUCLIDEAN])
async def test_groups_are_those_of_an_exact_scan(service: SearchService, metric: Metric, size: int) -> None:
    await fill(service, metric)
    query = unit_vectors(1, seed=11)[0]
    for top_k in (5, 7, 20):
        request = near(query, top_k=top_k, filter="row < 900", group_by=GroupBy("title", size))
        groups = (await service.search(request)).groups
        expected: dict[str, list[str]] = {}
        for each in best(query, list(range(900)), 900):
            expected.setdefault(f"Book {int(each[1:]) % 7}, red car", []).append(each)
        assert [(group.value, ids(group.hits)) for group in groups] == [
            (title, found[:size]) for title, found in list(expected.items())[:top_k]
        ]


async def test_far_groups_are_found_beyond_the_nearest_hits(service: SearchService) -> None:
    await make(service, SPEC)
    close = [Document(f"c{n}", Embedding(dense=axis(0)), (), {"row": 1}) for n in range(60)]
    far = [Document(f"f{n}", Embedding(dense=axis(n)), (), {"row": n}) for n in range(2, 5)]
    await put(service, *close, *far)
    groups = (await service.search(near(axis(0), top_k=3, group_by=GroupBy("row")))).groups
    assert [group.value for group in groups] == [1, 2, 3]
    near_ones = near(axis(0), top_k=3, group_by=GroupBy("row"), score_threshold=0.5)
    assert [group.value for group in (await service.search(near_ones)).groups] == [1]


async def test_explaining_says_which_way_a_search_goes(service: SearchService) -> None:
    await fill(service)
    unfiltered = await service.explain(near(VECTORS[0]))
    assert (unfiltered.match_count, unfiltered.steps) == (COUNT, ("ask the index for the 10 nearest documents",))
    many = await service.explain(near(VECTORS[0], filter="even = TRUE", facets=(FacetRequest("tags"),)))
    assert many.match_count == COUNT // 2
    assert many.steps[0].endswith("it has more than 100")
    assert many.steps[-1] == "count the values of tags over everything that matches"


async def test_documents_that_a_filter_names_are_looked_up_in_the_store(service: SearchService) -> None:
    await make(service, SPEC)
    await put(service, *map(shelf_document, range(COUNT)))
    for wanted, expected in (
        ("id IN ['d0003', 'd0001', 'none'] AND even = FALSE", ["d0001", "d0003"]),
        ("id = 'd0002'", ["d0002"]),
    ):
        asked = near(VECTORS[0], filter=wanted, top_k=5)
        plan = await service.explain(asked)
        assert plan.match_count == len(expected)
        assert any("that the filter names" in step for step in plan.steps)
        assert sorted(ids((await service.search(asked)).hits)) == expected


def test_an_older_store_gains_the_tokens_of_its_texts(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    from sensorium.search.embedded import MIGRATIONS

    file = tmp_path / "store.sqlite3"
    engine = open_engine(file, begin="BEGIN IMMEDIATE", connections=1)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        given = {column.name: 0 if isinstance(column.type.python_type(), int) else "" for column in collections.c}
        del given["update_request"], given["index_generation"]
        declared = {"title": "string", "n": "int"}
        connection.execute(insert(collections).values(given | {"key": 1, "attributes": declared, "delete_time": None}))
        columns = [column for column in table.c if column.name != "tokens"]
        rows = [(1, 1, "a", 1, ["Night"], {"title": "Red-Car", "n": 1}, 0, 0), (2, 1, "b", 2, [], {"n": 2}, 0, 0)]
        for row in rows:
            connection.execute(insert(table).values(dict(zip([column.name for column in columns], row, strict=True))))
    bring_up_to_date(engine, file, MIGRATIONS)
    with engine.begin() as connection:
        tokens = connection.execute(select(table.c.tokens).order_by(table.c.key)).scalars().all()
    engine.dispose()
    assert tokens == [{"tags": " night ", "attributes.title": " red car "}, {}]


async def test_lists_choose_by_every_kind_of_field(service: SearchService) -> None:
    await make(service, SPEC)
    await put(service, *map(shelf_document, range(10)))
    for chosen, expected in (
        (Selection("id > 'd0006' AND NOT even = TRUE"), ["d0007", "d0009"]),
        (Selection("create_time > 2020-01-01 AND row IN [1, 2]"), ["d0001", "d0002"]),
        (Selection("update_time < 2020-01-01T00:00:00Z"), []),
        (Selection("attributes.title = 'Book 2, red car'"), ["d0002", "d0009"]),
    ):
        page = await service.list_documents(NAME, 0, "", DocumentView(), chosen)
        assert [each.id for each in page.items] == expected
        assert sorted(ids((await service.search(near(VECTORS[0], top_k=20, **vars_of(chosen)))).hits)) == expected


def vars_of(selection: Selection) -> dict[str, object]:
    return {"filter": selection.filter, "tags": selection.tags}
