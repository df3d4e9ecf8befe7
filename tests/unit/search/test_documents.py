"""What the service keeps of documents and collections."""

import asyncio
from datetime import UTC, datetime

import pytest
from search_samples import DIMENSION, NAME, axis, document, ids_near, make, put

from sensorium.errors import AlreadyExists, FailedPrecondition, NotFound, Reason
from sensorium.model.collection import AttributeField, AttributeType, CollectionSpec
from sensorium.model.document import AttributeValue, Document, DocumentView
from sensorium.model.embedding import Embedding
from sensorium.model.names import CollectionName
from sensorium.model.search import UpsertRequest
from sensorium.model.vector import Metric
from sensorium.search.service import SearchService


async def test_documents_come_back_as_they_were_given(service: SearchService) -> None:
    attributes: dict[str, AttributeValue] = {
        "text": "Füße 足",
        "whole": -(2**63),
        "number": 1.0,
        "flag": True,
        "time": datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        "list": ("a", "b"),
    }
    await make(service)
    await put(service, Document("ü/1", Embedding(dense=axis(0)), ("b", "a"), attributes))
    (found,) = await service.get_documents(NAME, ["ü/1"], DocumentView(embedding=True))
    assert isinstance(found, Document)
    assert (found.id, found.tags, found.attributes) == ("ü/1", ("b", "a"), attributes)
    assert {name: type(value) for name, value in found.attributes.items()} == {
        name: type(value) for name, value in attributes.items()
    }
    assert found.source == Embedding(dense=axis(0))
    assert found.create_time == found.update_time


async def test_get_answers_each_id_in_order(service: SearchService) -> None:
    await make(service)
    await put(service, document("a", axis(0)), document("b", axis(1)))
    b, missing, a, bad = await service.get_documents(NAME, ["b", "c", "a", "\n"], DocumentView())
    assert isinstance(a, Document)
    assert isinstance(b, Document)
    assert (a.id, b.id) == ("a", "b")
    assert isinstance(missing, NotFound)
    assert missing.reason is Reason.DOCUMENT_NOT_FOUND
    assert not isinstance(bad, Document)
    assert (bad.reason, bad.field) == (Reason.NAME_INVALID, "names[3]")


async def test_the_later_of_two_documents_with_one_id_is_written(service: SearchService) -> None:
    await make(service)
    response = await put(service, document("a", axis(0)), document("a", axis(1)))
    assert response.outcomes == (None, None)
    assert await service.count_documents(NAME) == 1
    assert await ids_near(service, axis(1), score_threshold=0.9) == ["a"]


async def test_bad_documents_leave_the_good_ones_alone(service: SearchService) -> None:
    await make(service)
    response = await put(service, document("a", axis(0)), document("b", axis(0, 3)), document("c", axis(2)))
    assert [outcome and outcome.reason for outcome in response.outcomes] == [None, Reason.DIMENSION_MISMATCH, None]
    assert response.outcomes[1]
    assert response.outcomes[1].field == "documents[1].embedding.dense"
    assert response.written_count == 2
    assert await service.count_documents(NAME) == 2


async def test_documents_are_listed_by_id_in_pages(service: SearchService) -> None:
    names = ["B", "a", "b", "Ä", "10", "9"]
    await make(service)
    await put(service, *(document(each, axis(0)) for each in names))
    first = await service.list_documents(NAME, 4, "", DocumentView())
    second = await service.list_documents(NAME, 4, first.next_page_token, DocumentView())
    assert [each.id for each in first.items + second.items] == sorted(names, key=str.encode)
    assert second.next_page_token == ""


async def test_collection_says_what_it_is(service: SearchService) -> None:
    spec = CollectionSpec(
        "some news", "minilm", "r1", DIMENSION, Metric.DOT, (AttributeField("year", AttributeType.INT),)
    )
    created = await service.create_collection(NAME, spec)
    assert created == await service.get_collection(NAME)
    assert (created.model, created.model_revision, created.metric) == ("minilm", "r1", Metric.DOT)
    assert created.attributes == spec.attributes
    with pytest.raises(AlreadyExists):
        await service.create_collection(NAME, spec)
    await put(service, document("a", axis(0)))
    assert (await service.get_collection(NAME)).document_count == 1


async def test_collections_are_listed_by_id_within_their_workspace(service: SearchService) -> None:
    for workspace, name in (("default", "b"), ("default", "a"), ("other", "c"), ("default", "d")):
        await service.create_collection(CollectionName(workspace, name), CollectionSpec(dimension=2))
    first = await service.list_collections("default", 2, "")
    second = await service.list_collections("default", 2, first.next_page_token)
    assert [each.id for each in first.items + second.items] == ["a", "b", "d"]


async def test_deleting_a_collection_with_documents_needs_force(service: SearchService) -> None:
    await make(service)
    await put(service, document("a", axis(0)))
    with pytest.raises(FailedPrecondition) as refused:
        await service.delete_collection(NAME, force=False)
    assert refused.value.reason is Reason.COLLECTION_NOT_EMPTY
    await service.delete_collection(NAME, force=True)
    with pytest.raises(NotFound):
        await service.get_collection(NAME)
    await make(service, CollectionSpec(dimension=3))
    assert await ids_near(service, axis(0, 3)) == []


async def test_concurrent_writes_are_all_kept(service: SearchService) -> None:
    await make(service)
    await asyncio.gather(*(put(service, document(f"d{n}", axis(n % DIMENSION))) for n in range(50)))
    assert await service.count_documents(NAME) == 50
    assert len(await ids_near(service, axis(0), top_k=100)) == 50


async def test_a_write_whose_caller_goes_away_is_finished(service: SearchService) -> None:
    await make(service)
    await put(service, document("first", axis(1)))
    write = asyncio.create_task(service.upsert_documents(UpsertRequest(NAME, (document("a", axis(0)),))))
    while not service._unbroken._running:  # noqa: ASYNC110 - the call is about to start its write
        await asyncio.sleep(0)
    unfinished = tuple(service._unbroken._running)
    write.cancel()
    await asyncio.gather(*unfinished)
    assert await ids_near(service, axis(0), top_k=1) == ["a"]
