"""Aliases stand for collections in every call, are switched at once, and outlive the process."""

from collections.abc import Awaitable
from pathlib import Path

import pytest
from search_samples import NAME, axis, document, near

from sensorium.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.model.collection import CollectionField, CollectionSpec, CollectionUpdate
from sensorium.model.document import Document, DocumentMask, DocumentView
from sensorium.model.names import AliasName, CollectionName
from sensorium.model.search import ChangeRequest, DocumentReference, QueryPart, SearchRequest, Selection, UpsertRequest
from sensorium.search.embedded import embedded_search
from sensorium.search.service import SearchService
from sensorium.settings import SearchSettings

ALIAS = AliasName("default", "live")
LIVE = ALIAS.as_collection
OTHER = CollectionName("default", "other")


@pytest.fixture
async def collections(service: SearchService) -> None:
    for name, place in ((NAME, 0), (OTHER, 1)):
        await service.create_collection(name, CollectionSpec(dimension=8))
        await service.upsert_documents(UpsertRequest(name, (document(f"{name.id}-a", axis(place)),)))


async def refused(call: Awaitable[object], kind: type[SensoriumError], reason: Reason) -> SensoriumError:
    with pytest.raises(SensoriumError) as caught:
        await call
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    return caught.value


async def found(service: SearchService) -> list[str]:
    hits = (await service.search(SearchRequest(LIVE, near(axis(0)).query))).hits
    return [hit.document.id for hit in hits]


@pytest.mark.usefixtures("collections")
async def test_an_alias_stands_for_its_collection_in_every_call(service: SearchService) -> None:
    assert (await service.set_alias(ALIAS, NAME)).collection == NAME
    assert (await service.get_collection(LIVE)).id == NAME.id
    assert await found(service) == ["news-a"]
    written = await service.upsert_documents(UpsertRequest(LIVE, (document("b", axis(2)), document("c", axis(3)))))
    assert written.outcomes == (None, None)
    assert await service.count_documents(LIVE) == await service.count_documents(NAME) == 3
    assert [each.id for each in (await service.list_documents(LIVE, 0, "", DocumentView())).items] == [
        "b", "c", "news-a",
    ]  # fmt: skip
    assert await service.get_documents(LIVE, ["b"], DocumentView()) == await service.get_documents(
        NAME, ["b"], DocumentView()
    )
    assert await service.change_documents(ChangeRequest(LIVE, (Document("b", tags=("t",)),), DocumentMask())) == [None]
    request = SearchRequest(LIVE, (QueryPart(DocumentReference("b")),), filter="tags HAS 't'")
    assert [hit.document.id for hit in (await service.search(request)).hits] == ["b"]
    assert (await service.explain(request)).match_count == 1
    assert await service.delete_documents(LIVE, ["c"]) == 1
    assert await service.delete_selected(LIVE, Selection("tags HAS 't'")) == 1
    changed = await service.update_collection(CollectionUpdate(LIVE, (CollectionField.DESCRIPTION,), "seen"))
    assert (changed.id, (await service.get_collection(NAME)).description) == (NAME.id, "seen")


@pytest.mark.usefixtures("collections")
async def test_an_alias_is_switched_for_all_later_calls(service: SearchService) -> None:
    await service.set_alias(ALIAS, NAME)
    first = await service.get_alias(ALIAS)
    assert await found(service) == ["news-a"]
    await service.set_alias(ALIAS, OTHER)
    assert await found(service) == ["other-a"]
    switched = await service.get_alias(ALIAS)
    assert (switched.collection, switched.update_time > first.update_time) == (OTHER, True)


@pytest.mark.usefixtures("collections")
async def test_a_page_token_does_not_go_on_in_another_collection(service: SearchService) -> None:
    await service.set_alias(ALIAS, NAME)
    await service.upsert_documents(UpsertRequest(NAME, (document("b", axis(2)),)))
    page = await service.search(SearchRequest(LIVE, near(axis(0)).query, page_size=1))
    await service.set_alias(ALIAS, OTHER)
    again = SearchRequest(LIVE, near(axis(0)).query, page_size=1, page_token=page.next_page_token)
    await refused(service.search(again), InvalidArgument, Reason.PAGE_TOKEN_INVALID)


@pytest.mark.usefixtures("collections")
async def test_aliases_are_listed_by_id_and_deleted(service: SearchService) -> None:
    names = [AliasName("default", each) for each in ("b", "a", "c")]
    for name in names:
        await service.set_alias(name, NAME)
    page = await service.list_aliases("default", 2, "")
    rest = await service.list_aliases("default", 2, page.next_page_token)
    assert [each.name.id for each in (*page.items, *rest.items)] == ["a", "b", "c"]
    assert (rest.next_page_token, (await service.list_aliases("acme", 0, "")).items) == ("", ())
    await service.delete_alias(names[0])
    await refused(service.delete_alias(names[0]), NotFound, Reason.RESOURCE_NOT_FOUND)
    await refused(service.get_alias(names[0]), NotFound, Reason.RESOURCE_NOT_FOUND)
    await refused(service.count_documents(names[0].as_collection), NotFound, Reason.COLLECTION_NOT_FOUND)
    assert await service.count_documents(NAME) == 1
    await refused(service.list_aliases("default", -1, ""), InvalidArgument, Reason.FIELD_INVALID)
    await refused(service.list_aliases("default", 0, "x"), InvalidArgument, Reason.PAGE_TOKEN_INVALID)


@pytest.mark.usefixtures("collections")
async def test_aliases_and_collections_share_their_ids(service: SearchService) -> None:
    await refused(service.set_alias(AliasName("default", NAME.id), OTHER), AlreadyExists, Reason.RESOURCE_EXISTS)
    await service.set_alias(ALIAS, NAME)
    spec = CollectionSpec(dimension=8)
    await refused(service.create_collection(LIVE, spec), AlreadyExists, Reason.RESOURCE_EXISTS)
    await service.create_collection(CollectionName("acme", LIVE.id), spec)


@pytest.mark.usefixtures("collections")
async def test_an_alias_stands_for_a_collection_of_its_workspace_and_for_no_alias(service: SearchService) -> None:
    await service.set_alias(ALIAS, NAME)
    second = AliasName("default", "second")
    await refused(service.set_alias(second, LIVE), NotFound, Reason.COLLECTION_NOT_FOUND)
    await refused(service.set_alias(AliasName("acme", "live"), NAME), InvalidArgument, Reason.FIELD_INVALID)


@pytest.mark.usefixtures("collections")
async def test_a_collection_that_an_alias_stands_for_cannot_be_deleted(service: SearchService) -> None:
    await service.set_alias(ALIAS, NAME)
    for name in (NAME, LIVE):
        error = await refused(service.delete_collection(name, force=True), FailedPrecondition, Reason.COLLECTION_IN_USE)
        assert error.metadata == {"aliases": "live"}
    await service.set_alias(ALIAS, OTHER)
    await service.delete_collection(NAME, force=True)
    assert await found(service) == ["other-a"]


async def test_aliases_survive_a_restart(tmp_path: Path) -> None:
    async with embedded_search(tmp_path, SearchSettings()) as service:
        await service.create_collection(NAME, CollectionSpec(dimension=8))
        await service.set_alias(ALIAS, NAME)
    async with embedded_search(tmp_path, SearchSettings()) as service:
        assert (await service.get_collection(LIVE)).id == NAME.id
