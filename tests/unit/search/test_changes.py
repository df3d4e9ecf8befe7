"""Collections and documents change in place: what filters say of them is right at once, and after a restart."""

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from search_samples import NAME, axis, document, ids_near, make, near, put

from sensorium.errors import Aborted, InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.model.collection import AttributeField, AttributeType, CollectionField, CollectionSpec, CollectionUpdate
from sensorium.model.document import AttributeValue, Document, DocumentMask, DocumentView
from sensorium.model.search import ChangeRequest, FacetRequest, GroupBy, Selection
from sensorium.search import declaring
from sensorium.search.embedded import embedded_search
from sensorium.search.service import SearchService
from sensorium.settings import SearchSettings

COLOR = AttributeField("color", AttributeType.STRING)
WHEELS = AttributeField("wheels", AttributeType.INT)
ATTRIBUTES = (CollectionField.ATTRIBUTES,)
DESCRIPTION = (CollectionField.DESCRIPTION,)
BOTH = DocumentMask()


def labelled(name: str, place: int, **attributes: AttributeValue) -> Document:
    return replace(document(name, axis(place)), attributes=attributes)


async def fill(service: SearchService) -> None:
    await make(service, CollectionSpec(dimension=8, attributes=(WHEELS,)))
    await put(
        service,
        labelled("bike", 0, color="Racing green", wheels=2),
        labelled("car", 1, color="blue", wheels=4),
        labelled("cloud", 2),
    )


async def refused(call: Awaitable[object], kind: type[SensoriumError], reason: Reason, field: str) -> None:
    with pytest.raises(SensoriumError) as caught:
        await call
    assert (type(caught.value), caught.value.reason, caught.value.field) == (kind, reason, field)


async def change(service: SearchService, *documents: Document, mask: DocumentMask = BOTH) -> Sequence[object]:
    return await service.change_documents(ChangeRequest(NAME, documents, mask))


async def read(service: SearchService, name: str) -> Document:
    (found,) = await service.get_documents(NAME, [name], DocumentView(embedding=True))
    assert isinstance(found, Document)
    return found


# --- Collections ----------------------------------------------------------------------------------------------------


async def test_what_is_not_in_the_mask_stays(service: SearchService) -> None:
    await fill(service)
    before = await service.get_collection(NAME)
    changed = await service.update_collection(CollectionUpdate(NAME, DESCRIPTION, "new", (COLOR,)))
    assert (changed.description, changed.attributes) == ("new", (WHEELS,))
    assert (changed.etag != before.etag, changed.update_time > before.update_time) == (True, True)
    again = await service.update_collection(CollectionUpdate(NAME, ATTRIBUTES, "newer", (COLOR, WHEELS)))
    assert (again.description, again.attributes) == ("new", (WHEELS, COLOR))
    assert replace(again, pending_count=0) == replace(await service.get_collection(NAME), pending_count=0)


@pytest.mark.parametrize("chunk", [1, 2, 1000])
async def test_filters_on_a_new_attribute_are_right_at_once(
    service: SearchService, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(declaring, "CHUNK", chunk)
    await fill(service)
    await refused(
        service.count_documents(NAME, Selection("color = 'blue'")), InvalidArgument, Reason.FILTER_INVALID, "filter"
    )
    await service.update_collection(CollectionUpdate(NAME, ATTRIBUTES, attributes=(COLOR,)))
    await put(service, labelled("boat", 3, color="green"))
    for expression, expected in {
        "color:'green'": ["bike", "boat"],
        "color = 'blue'": ["car"],
        "NOT color:'green'": ["car", "cloud"],
        "color:'green' AND wheels = 2": ["bike"],
        "NOT HAS color": ["cloud"],
    }.items():
        assert sorted(await ids_near(service, axis(0), filter=expression)) == expected
        assert await service.count_documents(NAME, Selection(expression)) == len(expected)
    assert await ids_near(service, axis(0), filter="wheels = 2") == ["bike"]


async def test_facets_and_groups_know_a_new_attribute(service: SearchService) -> None:
    await fill(service)
    await service.update_collection(CollectionUpdate(NAME, ATTRIBUTES, attributes=(COLOR,)))
    facet = (await service.search(near(axis(0), facets=(FacetRequest("color"),)))).facets[0]
    assert dict(facet.counts) == {"Racing green": 1, "blue": 1}
    groups = (await service.search(near(axis(0), group_by=GroupBy("color")))).groups
    assert {group.value for group in groups} == {"Racing green", "blue", None}


async def test_after_a_restart_the_index_has_the_new_attribute(tmp_path: Path) -> None:
    async with embedded_search(tmp_path, SearchSettings()) as service:
        await fill(service)
        await service.update_collection(CollectionUpdate(NAME, ATTRIBUTES, attributes=(COLOR,)))
        plan = await service.explain(near(axis(0), filter="color = 'blue'"))
        assert "the index cannot take color, which was declared after the index was made" in plan.steps[0]
    async with embedded_search(tmp_path, SearchSettings()) as service:
        plan = await service.explain(near(axis(0), filter="color = 'blue'"))
        assert "ask the index" in plan.steps[0]
        assert await ids_near(service, axis(0), filter="color:'green'") == ["bike"]


async def test_an_attribute_that_documents_hold_in_another_type_cannot_be_declared(service: SearchService) -> None:
    await fill(service)
    for wrong in (AttributeField("color", AttributeType.INT), AttributeField("color", AttributeType.STRING_LIST)):
        await refused(
            service.update_collection(CollectionUpdate(NAME, ATTRIBUTES, attributes=(wrong,))),
            InvalidArgument,
            Reason.ATTRIBUTE_TYPE_MISMATCH,
            "collection.attributes[0].type",
        )
    assert (await service.get_collection(NAME)).attributes == (WHEELS,)


async def test_a_declared_attribute_keeps_its_type(service: SearchService) -> None:
    await fill(service)
    wrong = (COLOR, AttributeField("wheels", AttributeType.STRING))
    await refused(
        service.update_collection(CollectionUpdate(NAME, ATTRIBUTES, attributes=wrong)),
        InvalidArgument,
        Reason.ATTRIBUTE_TYPE_MISMATCH,
        "collection.attributes[1].type",
    )


async def test_a_change_of_what_changed_meanwhile_is_refused(service: SearchService) -> None:
    await fill(service)
    etag = (await service.get_collection(NAME)).etag
    await service.update_collection(CollectionUpdate(NAME, DESCRIPTION, "one", etag=etag))
    late = CollectionUpdate(NAME, DESCRIPTION, "two", etag=etag)
    await refused(service.update_collection(late), Aborted, Reason.CONFLICT, "collection.etag")
    assert (await service.get_collection(NAME)).description == "one"


async def test_a_repeated_change_is_harmless_with_its_request_id(service: SearchService) -> None:
    await fill(service)
    etag = (await service.get_collection(NAME)).etag
    update = CollectionUpdate(NAME, DESCRIPTION, "one", etag=etag, request_id="r1")
    changed = await service.update_collection(update)
    assert await service.update_collection(update) == changed


@pytest.mark.parametrize(
    ("update", "field"),
    [
        (CollectionUpdate(NAME, ()), "update_mask"),
        (CollectionUpdate(NAME, DESCRIPTION, "x" * 2049), "collection.description"),
        (
            CollectionUpdate(NAME, ATTRIBUTES, attributes=(AttributeField("1", AttributeType.INT),)),
            "collection.attributes[0].field",
        ),
        (CollectionUpdate(NAME, ATTRIBUTES, attributes=(COLOR, COLOR)), "collection.attributes[1].field"),
        (
            CollectionUpdate(
                NAME, ATTRIBUTES, attributes=tuple(AttributeField(f"a{n}", AttributeType.INT) for n in range(64))
            ),
            "collection.attributes",
        ),
    ],
)
async def test_wrong_changes_name_the_field(service: SearchService, update: CollectionUpdate, field: str) -> None:
    await fill(service)
    await refused(service.update_collection(update), InvalidArgument, Reason.FIELD_INVALID, field)


async def test_a_write_that_was_checked_before_a_declaration_is_checked_again(service: SearchService) -> None:
    await fill(service)
    before = await service._stored(NAME)
    await service.update_collection(CollectionUpdate(NAME, ATTRIBUTES, attributes=(COLOR,)))
    good, wrong = labelled("good", 3, color="light green"), labelled("wrong", 4, color=5)
    for outcomes in (
        await service._writes.put(before, [good, wrong]),
        await service._writes.change(before, [good, replace(wrong, id="car")], BOTH),
    ):
        assert [each and each.reason for each in outcomes] == [None, Reason.ATTRIBUTE_TYPE_MISMATCH]
    assert sorted(await ids_near(service, axis(0), filter="color:'green'")) == ["bike", "good"]


# --- Documents ------------------------------------------------------------------------------------------------------


async def test_tags_and_attributes_change_and_the_vector_stays(service: SearchService) -> None:
    await fill(service)
    before = await read(service, "bike")
    assert await change(service, Document("bike", tags=("sold",), attributes={"wheels": 3})) == [None]
    after = await read(service, "bike")
    assert (after.tags, after.attributes, after.source) == (("sold",), {"wheels": 3}, before.source)
    assert before.create_time is not None
    assert before.update_time is not None
    assert after.update_time is not None
    assert (after.create_time, after.update_time > before.update_time) == (before.create_time, True)
    assert await ids_near(service, axis(0), filter="wheels = 3 AND tags HAS 'sold'") == ["bike"]
    assert await ids_near(service, axis(0), filter="wheels = 2") == []
    assert (await ids_near(service, axis(0)))[0] == "bike"
    assert await service.count_documents(NAME) == 3


@pytest.mark.parametrize(
    ("mask", "tags", "attributes"),
    [
        (DocumentMask(), ("t",), {"wheels": 3, "new": True}),
        (DocumentMask(tags=True, attributes=False), ("t",), {"color": "Racing green", "wheels": 2}),
        (DocumentMask(tags=False, attributes=True), (), {"wheels": 3, "new": True}),
        (DocumentMask(False, False, ("wheels",)), (), {"color": "Racing green", "wheels": 3}),
        (DocumentMask(False, False, ("color", "new")), (), {"wheels": 2, "new": True}),
        (DocumentMask(True, False, ("color",)), ("t",), {"wheels": 2}),
    ],
)
async def test_a_mask_chooses_what_changes(
    service: SearchService, mask: DocumentMask, tags: tuple[str, ...], attributes: dict[str, AttributeValue]
) -> None:
    await fill(service)
    given = Document("bike", tags=("t",), attributes={"wheels": 3, "new": True})
    assert await change(service, given, mask=mask) == [None]
    after = await read(service, "bike")
    assert (after.tags, after.attributes) == (tags, attributes)


async def test_each_document_has_its_own_outcome(service: SearchService) -> None:
    await fill(service)
    outcomes = await change(
        service,
        Document("bike", attributes={"wheels": 1}),
        Document("nobody"),
        Document("car", attributes={"wheels": "four"}),
        Document("car", tags=("t", "t")),
        Document("", tags=("t",)),
        Document("cloud", attributes={"wheels": 0}),
    )
    assert [each and (type(each), each.reason) for each in outcomes] == [  # type: ignore[attr-defined]
        None,
        (NotFound, Reason.DOCUMENT_NOT_FOUND),
        (InvalidArgument, Reason.ATTRIBUTE_TYPE_MISMATCH),
        (InvalidArgument, Reason.FIELD_INVALID),
        (InvalidArgument, Reason.NAME_INVALID),
        None,
    ]
    assert (await read(service, "car")).attributes == {"color": "blue", "wheels": 4}
    assert sorted(await ids_near(service, axis(0), filter="wheels < 2")) == ["bike", "cloud"]


async def test_changes_of_one_document_are_made_in_order(service: SearchService) -> None:
    await fill(service)
    mask = DocumentMask(False, False, ("a", "b"))
    first, second = Document("bike", attributes={"a": 1, "b": 1}), Document("bike", attributes={"b": 2})
    assert await change(service, first, second, mask=mask) == [None, None]
    assert (await read(service, "bike")).attributes == {"color": "Racing green", "wheels": 2, "b": 2}


async def test_what_a_change_adds_must_leave_the_whole_within_its_limits(service: SearchService) -> None:
    await fill(service)
    names = tuple(f"a{n}" for n in range(127))
    given = Document("bike", attributes=dict.fromkeys(names, 1))
    (outcome,) = await change(service, given, mask=DocumentMask(False, False, names))
    assert isinstance(outcome, InvalidArgument)
    assert outcome.field == "documents[0].attributes"
    assert (await read(service, "bike")).attributes == {"color": "Racing green", "wheels": 2}


@pytest.mark.parametrize("count", [0, 2049])
async def test_a_change_has_documents_and_not_too_many(service: SearchService, count: int) -> None:
    await fill(service)
    reason = Reason.TOO_MANY_ITEMS if count else Reason.FIELD_INVALID
    await refused(change(service, *[Document("bike")] * count), InvalidArgument, reason, "documents")


async def test_changes_survive_a_restart_and_a_lost_index(tmp_path: Path) -> None:
    async with embedded_search(tmp_path, SearchSettings()) as service:
        await fill(service)
        await change(service, Document("bike", tags=("sold",)))
    async with embedded_search(tmp_path, SearchSettings()) as service:
        assert await ids_near(service, axis(0), filter="tags HAS 'sold'") == ["bike"]
