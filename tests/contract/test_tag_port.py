"""Tagging gives the same results and the same errors in this process and over gRPC."""

import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from prometheus_client import CollectorRegistry
from tag_samples import NAME, SPEC, PartsEmbedder, parts, tags_of, texts

from sensorium import context
from sensorium.context import CallContext, Stage
from sensorium.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import Priority
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import (
    ContentTags,
    DefinitionField,
    DefinitionUpdate,
    TagDefinitionSpec,
    TagRequest,
    TagSpec,
)
from sensorium.ports import Tagger
from sensorium.rpc.channel import open_channel
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.registration import tag_service
from sensorium.rpc.server import RpcServer
from sensorium.settings import GrpcSettings, TagSettings
from sensorium.tag.client import REPEATABLE, TagClient
from sensorium.tag.embedded import embedded_tagging
from sensorium.tag.servicer import TagServicer
from sensorium.telemetry.metrics import CallMetrics
from sensorium.v1 import tag_service_pb2 as pb
from sensorium.v1.tag_service_pb2_grpc import TagServiceStub

LIMITS = TagSettings(
    max_contents=3,
    max_tags=4,
    max_tag_chars=8,
    max_description_chars=10,
    max_guide_prompt_chars=10,
    max_display_name_chars=10,
    max_page_size=2,
)
NOWHERE = TagDefinitionName("default", "nowhere")
ALL = tuple(DefinitionField)


@pytest.fixture
def embedder() -> PartsEmbedder:
    return PartsEmbedder()


@pytest.fixture
async def service(tmp_path: Path, embedder: PartsEmbedder) -> AsyncIterator[Tagger]:
    async with embedded_tagging(tmp_path, LIMITS, embedder) as service:
        yield service


@asynccontextmanager
async def served(service: Tagger) -> AsyncIterator[Channel]:
    registration = tag_service(TagServicer(service, max_contents=LIMITS.max_contents), ())
    settings = GrpcSettings(port=0, drain_seconds=0)
    async with (
        RpcServer(settings, [registration], Readiness(), CallMetrics(CollectorRegistry())) as server,
        open_channel(server.address, repeatable=REPEATABLE) as channel,
    ):
        yield channel


@pytest.fixture(params=["local", "remote"])
async def tagger(request: pytest.FixtureRequest, service: Tagger) -> AsyncIterator[Tagger]:
    if request.param == "local":
        yield service
        return
    async with served(service) as channel:
        yield TagClient(channel)


@pytest.fixture
async def stub(service: Tagger) -> AsyncIterator[Any]:
    async with served(service) as channel:
        yield TagServiceStub(channel)


async def refused(call: Awaitable[object], kind: type[SensoriumError], reason: Reason, field: str = "") -> None:
    with pytest.raises(SensoriumError) as caught:
        await call
    assert (type(caught.value), caught.value.reason, caught.value.field) == (kind, reason, field)


def update(spec: TagDefinitionSpec, *fields: DefinitionField, etag: str = "", request_id: str = "") -> DefinitionUpdate:
    return DefinitionUpdate(NAME, spec, fields, etag, request_id)


# --- Definitions ----------------------------------------------------------------------------------------------------


async def test_a_definition_comes_back_as_it_was_given(tagger: Tagger) -> None:
    tags = (TagSpec("ö", "Umlaut", "vowels", 0.25), TagSpec("b", threshold=0.0))
    spec = TagDefinitionSpec(tags, "Name", "You know", "letters", 0.75, 3)
    created = await tagger.create_definition(NAME, spec)
    assert (created.name, created.spec, created.version) == (NAME, spec, 1)
    assert created.etag
    assert await tagger.get_definition(NAME, 0) == created == await tagger.get_definition(NAME, 1)


async def test_an_update_makes_a_version_and_leaves_the_others(tagger: Tagger) -> None:
    first = await tagger.create_definition(NAME, replace(SPEC, threshold=0.9))
    second = await tagger.update_definition(
        update(TagDefinitionSpec(display_name="New"), DefinitionField.DISPLAY_NAME, DefinitionField.THRESHOLD)
    )
    assert second.spec == replace(SPEC, display_name="New", threshold=None)
    assert (second.version, await tagger.get_definition(NAME, 0)) == (2, second)
    assert await tagger.get_definition(NAME, 1) == first
    third = await tagger.update_definition(update(SPEC, *ALL, etag=second.etag))
    assert (third.version, third.spec) == (3, SPEC)


async def test_definitions_and_versions_are_listed_by_page(tagger: Tagger) -> None:
    for name in ("c", "a", "b"):
        await tagger.create_definition(TagDefinitionName("default", name), SPEC)
    await tagger.create_definition(TagDefinitionName("other", "d"), SPEC)
    first = await tagger.list_definitions("default", 100, "")
    second = await tagger.list_definitions("default", 100, first.next_page_token)
    assert [[each.name.id for each in page.items] for page in (first, second)] == [["a", "b"], ["c"]]
    assert second.next_page_token == ""
    name = TagDefinitionName("default", "a")
    for _ in range(2):
        await tagger.update_definition(DefinitionUpdate(name, SPEC, ALL))
    latest = await tagger.list_definition_versions(name, 0, "")
    oldest = await tagger.list_definition_versions(name, 0, latest.next_page_token)
    assert [[each.version for each in page.items] for page in (latest, oldest)] == [[3, 2], [1]]
    assert (await tagger.list_definitions("default", 1, "")).items[0].version == 3


async def test_a_deleted_definition_is_gone_with_its_versions(tagger: Tagger) -> None:
    await tagger.create_definition(NAME, SPEC)
    await tagger.update_definition(update(SPEC, *ALL))
    await tagger.delete_definition(NAME)
    await refused(tagger.get_definition(NAME, 1), NotFound, Reason.TAG_DEFINITION_NOT_FOUND)
    assert (await tagger.create_definition(NAME, SPEC)).version == 1
    await refused(tagger.get_definition(NAME, 2), NotFound, Reason.TAG_DEFINITION_NOT_FOUND)


async def test_a_repeat_with_the_same_request_id_changes_nothing(tagger: Tagger) -> None:
    create, change = str(uuid.uuid4()), str(uuid.uuid4())
    created = await tagger.create_definition(NAME, SPEC, request_id=create)
    wanted = update(replace(SPEC, display_name="New"), DefinitionField.DISPLAY_NAME, request_id=change)
    updated = await tagger.update_definition(wanted)
    assert await tagger.create_definition(NAME, SPEC, request_id=create.upper()) == created
    assert await tagger.update_definition(wanted) == updated
    assert await tagger.update_definition(replace(wanted, request_id=change.upper())) == updated
    assert (await tagger.get_definition(NAME, 0)).version == 2
    other = replace(wanted, spec=SPEC)
    await refused(tagger.update_definition(other), InvalidArgument, Reason.FIELD_INVALID, "request_id")
    await tagger.delete_definition(NAME)
    await refused(tagger.create_definition(NAME, SPEC, request_id=create), NotFound, Reason.TAG_DEFINITION_NOT_FOUND)


async def test_wrong_changes_are_refused_and_change_nothing(tagger: Tagger) -> None:
    await tagger.create_definition(NAME, SPEC)
    await refused(tagger.create_definition(NAME, SPEC), AlreadyExists, Reason.RESOURCE_EXISTS)
    bad_id = TagDefinitionName("default", "Shapes")
    await refused(tagger.create_definition(bad_id, SPEC), InvalidArgument, Reason.NAME_INVALID, "tag_definition_id")
    await refused(
        tagger.create_definition(NOWHERE, SPEC, request_id="twice"), InvalidArgument, Reason.FIELD_INVALID, "request_id"
    )
    await refused(
        tagger.update_definition(update(SPEC, *ALL, etag="old")), Aborted, Reason.CONFLICT, "tag_definition.etag"
    )
    await refused(tagger.update_definition(update(SPEC)), InvalidArgument, Reason.FIELD_INVALID, "update_mask")
    await refused(
        tagger.update_definition(update(TagDefinitionSpec(), DefinitionField.TAGS)),
        InvalidArgument,
        Reason.FIELD_INVALID,
        "tag_definition.tags",
    )
    assert (await tagger.get_definition(NAME, 0)).version == 1


async def test_what_is_not_there_is_not_found(tagger: Tagger) -> None:
    missing = (NotFound, Reason.TAG_DEFINITION_NOT_FOUND)
    await refused(tagger.get_definition(NOWHERE, 0), *missing)
    await refused(tagger.list_definition_versions(NOWHERE, 0, ""), *missing)
    await refused(tagger.update_definition(DefinitionUpdate(NOWHERE, SPEC, ALL)), *missing)
    await refused(tagger.delete_definition(NOWHERE), *missing)
    await refused(tagger.tag(TagRequest(NOWHERE, texts("a"))), *missing)
    await tagger.create_definition(NAME, SPEC)
    await refused(tagger.tag(TagRequest(NAME, texts("a"), version=2)), *missing)
    assert (await tagger.list_definitions("nobody", 0, "")).items == ()


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        (TagDefinitionSpec(), "tags", Reason.FIELD_INVALID),
        (TagDefinitionSpec(tuple(TagSpec(str(n)) for n in range(5))), "tags", Reason.TOO_MANY_ITEMS),
        (TagDefinitionSpec((TagSpec("a"), TagSpec(" "))), "tags[1].tag", Reason.FIELD_INVALID),
        (TagDefinitionSpec((TagSpec("a" * 9),)), "tags[0].tag", Reason.FIELD_INVALID),
        (TagDefinitionSpec((TagSpec("a\0"),)), "tags[0].tag", Reason.FIELD_INVALID),
        (TagDefinitionSpec((TagSpec("a"), TagSpec("a"))), "tags[1].tag", Reason.FIELD_INVALID),
        (TagDefinitionSpec((TagSpec("a", "d" * 11),)), "tags[0].description", Reason.FIELD_INVALID),
        (TagDefinitionSpec((TagSpec("a", group="g" * 9),)), "tags[0].group", Reason.FIELD_INVALID),
        (TagDefinitionSpec((TagSpec("a", threshold=1.5),)), "tags[0].threshold", Reason.FIELD_INVALID),
        (replace(SPEC, threshold=float("nan")), "threshold", Reason.FIELD_INVALID),
        (replace(SPEC, threshold=-0.5), "threshold", Reason.FIELD_INVALID),
        (replace(SPEC, max_tag_count=-1), "max_tag_count", Reason.FIELD_INVALID),
        (replace(SPEC, display_name="n" * 11), "display_name", Reason.FIELD_INVALID),
        (replace(SPEC, guide_prompt="p" * 11), "guide_prompt", Reason.FIELD_INVALID),
        (replace(SPEC, model="a/b"), "model", Reason.NAME_INVALID),
    ],
)
async def test_a_wrong_definition_is_refused_by_field(
    tagger: Tagger, spec: TagDefinitionSpec, field: str, reason: Reason
) -> None:
    path = f"tag_definition.{field}"
    await refused(tagger.create_definition(NAME, spec), InvalidArgument, reason, path)
    await tagger.create_definition(NAME, SPEC)
    await refused(tagger.update_definition(update(spec, *ALL)), InvalidArgument, reason, path)
    inline = tagger.tag(TagRequest(spec, texts("a")))
    await refused(inline, InvalidArgument, reason, f"inline_definition.{field}")


async def test_wrong_pages_are_refused(tagger: Tagger) -> None:
    await tagger.create_definition(NAME, SPEC)
    for each in (tagger.list_definitions("default", -1, ""), tagger.list_definition_versions(NAME, -1, "")):
        await refused(each, InvalidArgument, Reason.FIELD_INVALID, "page_size")
    for each in (tagger.list_definitions("default", 0, "x"), tagger.list_definition_versions(NAME, 0, "x")):
        await refused(each, InvalidArgument, Reason.PAGE_TOKEN_INVALID, "page_token")
    await refused(tagger.get_definition(NAME, -1), InvalidArgument, Reason.FIELD_INVALID, "version")


async def test_page_tokens_that_are_forged_are_refused(tagger: Tagger) -> None:
    from sensorium.storage.list_pages import list_token, request_mark

    await tagger.create_definition(NAME, SPEC)
    for position in ("x", "-1", "9" * 30, "٣"):
        forged = list_token(request_mark("versions", 1), position)
        call = tagger.list_definition_versions(NAME, 0, forged)
        await refused(call, InvalidArgument, Reason.PAGE_TOKEN_INVALID, "page_token")


# --- Tagging --------------------------------------------------------------------------------------------------------


async def test_contents_get_the_tags_that_fit_and_the_evidence(tagger: Tagger) -> None:
    await tagger.create_definition(NAME, SPEC)
    response = await tagger.tag(TagRequest(NAME, texts("aaa", "bbb", "zzz")))
    assert (response.model, response.model_revision, response.version) == ("letters", "r1", 1)
    found = [[each.tag for each in result.tags] for result in response.results if isinstance(result, ContentTags)]
    assert found == [["aaa"], ["bbb"], []]
    first = response.results[0]
    assert isinstance(first, ContentTags)
    (tag,) = first.tags
    assert (tag.group, tag.evidence.part_index, tag.evidence.similarity) == ("vowels", 0, pytest.approx(1))
    assert tag.score == pytest.approx(1 / (1 + 2.718281828**-10))
    assert tag.evidence.explanation == "cosine similarity 1.000 to the tag's name"
    assert (response.usage.token_count, response.timings.inference_ms) == (3, 1.0)
    assert response.timings.total_ms > 0


async def test_one_bad_content_fails_alone(tagger: Tagger) -> None:
    response = await tagger.tag(TagRequest(SPEC, texts("aaa", " ", "bbb")))
    good, bad, other = response.results
    assert isinstance(good, ContentTags)
    assert isinstance(other, ContentTags)
    assert isinstance(bad, InvalidArgument)
    assert (bad.reason, bad.field) == (Reason.CONTENT_EMPTY, "contents[1].parts[0].text")
    assert (response.version, response.usage.token_count) == (0, 2)


async def test_thresholds_counts_and_candidates_travel(tagger: Tagger) -> None:
    spec = TagDefinitionSpec(
        (TagSpec("a", threshold=0.999), TagSpec("b"), TagSpec("ab"), TagSpec("z")), max_tag_count=1
    )
    found = await tags_of(tagger, spec, "ab", candidate_count=2)
    assert [each.tag for each in found.tags] == ["ab"]
    assert [each.tag for each in found.candidates] == ["a", "z"]
    assert (await tags_of(tagger, spec, "ab")).candidates == ()


async def test_the_part_that_speaks_for_a_tag_is_named(tagger: Tagger) -> None:
    spec = replace(SPEC, threshold=0.3)
    response = await tagger.tag(TagRequest(spec, (parts("bbb", "aaa", " "), *texts("aaa"))))
    both, single = response.results
    assert isinstance(both, ContentTags)
    assert isinstance(single, ContentTags)
    assert {each.tag: each.evidence.part_index for each in both.tags} == {"aaa": 1, "bbb": 0}
    assert both.tags[0].evidence.explanation.endswith("; part 2 is nearest")
    assert response.usage.token_count == 2


async def test_a_content_that_no_calibration_is_for_harms_no_other(tagger: Tagger) -> None:
    video = Part(Modality.VIDEO, Media(data=b"aaa"))
    both = Content((Part.of_text("aaa"), video))
    response = await tagger.tag(TagRequest(SPEC, (Content((video,)), both, *texts("aaa"))))
    *refusals, tagged = response.results
    assert isinstance(tagged, ContentTags)
    assert [each.tag for each in tagged.tags] == ["aaa"]
    for index, error in enumerate(refusals):
        assert isinstance(error, InvalidArgument)
        assert (error.reason, error.field) == (Reason.OPTION_UNSUPPORTED, f"contents[{index}]")


async def test_a_version_stays_usable_after_an_update(tagger: Tagger) -> None:
    await tagger.create_definition(NAME, SPEC)
    await tagger.update_definition(update(TagDefinitionSpec((TagSpec("zzz"),)), DefinitionField.TAGS))
    old = await tagger.tag(TagRequest(NAME, texts("aaa"), version=1))
    new = await tagger.tag(TagRequest(NAME, texts("aaa")))
    tags = [
        [each.tag for each in result.tags] for result in (*old.results, *new.results) if isinstance(result, ContentTags)
    ]
    assert (tags, old.version, new.version) == ([["aaa"], []], 1, 2)


async def test_wrong_calls_are_refused(tagger: Tagger) -> None:
    await tagger.create_definition(NAME, SPEC)
    wrong: list[tuple[TagRequest, Reason, str]] = [
        (TagRequest(NAME, ()), Reason.FIELD_INVALID, "contents"),
        (TagRequest(NAME, texts(*"aaaa")), Reason.TOO_MANY_ITEMS, "contents"),
        (TagRequest(NAME, texts("a"), candidate_count=-1), Reason.FIELD_INVALID, "candidate_count"),
        (TagRequest(NAME, texts("a"), version=-1), Reason.FIELD_INVALID, "version"),
        (TagRequest(SPEC, texts("a"), version=1), Reason.FIELD_INVALID, "version"),
        (TagRequest(NAME, texts("a"), workspace="other"), Reason.FIELD_INVALID, "tag_definition"),
        (TagRequest(replace(SPEC, model="raw"), texts("a")), Reason.OPTION_UNSUPPORTED, "model"),
    ]
    for request, reason, field in wrong:
        await refused(tagger.tag(request), InvalidArgument, reason, field)
    nothing = replace(SPEC, model="nothing")
    await refused(tagger.tag(TagRequest(nothing, texts("a"))), NotFound, Reason.MODEL_NOT_FOUND, "model")


async def test_errors_of_the_embedder_are_passed_on(tagger: Tagger, embedder: PartsEmbedder) -> None:
    await tagger.tag(TagRequest(SPEC, texts("a")))
    embedder.errors = [ResourceExhausted("full", retry_after=0.5)]
    with pytest.raises(ResourceExhausted) as full:
        await tagger.tag(TagRequest(SPEC, texts("a")))
    assert (full.value.reason, full.value.retry_after) == (Reason.QUEUE_FULL, 0.5)
    embedder.errors = [Unavailable("away")] * 8
    await refused(tagger.tag(TagRequest(SPEC, texts("a"))), Unavailable, Reason.BACKEND_UNAVAILABLE)


async def test_priority_deadline_and_times_travel(tagger: Tagger, embedder: PartsEmbedder) -> None:
    with context.opened(CallContext()) as call:
        await tagger.tag(TagRequest(SPEC, texts("a"), priority=Priority.BULK))
    assert {request.priority for request in embedder.requests} == {Priority.BULK}
    if isinstance(tagger, TagClient):
        assert call.stages[Stage.INFERENCE] > 0
    with context.opened(CallContext(deadline=0.0)):
        await refused(tagger.get_definition(NAME, 0), DeadlineExceeded, Reason.DEADLINE_EXCEEDED)


# --- The wire alone -------------------------------------------------------------------------------------------------


async def test_an_empty_mask_changes_what_is_set(stub: Any, service: Tagger) -> None:
    await service.create_definition(NAME, replace(SPEC, threshold=0.9, max_tag_count=2))
    definition = pb.TagDefinition(name="tagDefinitions/shapes", display_name="New", threshold=0.0)
    answer = await stub.UpdateTagDefinition(pb.UpdateTagDefinitionRequest(tag_definition=definition))
    assert (answer.tag_definition.display_name, answer.tag_definition.threshold) == ("New", 0.0)
    assert (answer.tag_definition.max_tag_count, len(answer.tag_definition.tags)) == (2, 3)
    nothing = pb.TagDefinition(name="tagDefinitions/shapes")
    call = stub.UpdateTagDefinition(pb.UpdateTagDefinitionRequest(tag_definition=nothing))
    await refused(call, InvalidArgument, Reason.FIELD_INVALID, "update_mask")


async def test_a_mask_may_not_name_what_cannot_be_changed(stub: Any) -> None:
    definition = pb.TagDefinition(name="tagDefinitions/shapes")
    for path in ("version", "name", "*", "tags.tag", "nonsense"):
        request = pb.UpdateTagDefinitionRequest(tag_definition=definition, update_mask=FieldMask(paths=[path]))
        await refused(stub.UpdateTagDefinition(request), InvalidArgument, Reason.FIELD_INVALID, "update_mask")


async def test_names_may_leave_out_the_default_workspace(stub: Any, service: Tagger) -> None:
    await service.create_definition(NAME, SPEC)
    await service.create_definition(TagDefinitionName("other", "shapes"), SPEC)
    for name in ("tagDefinitions/shapes", "workspaces/other/tagDefinitions/shapes"):
        found = await stub.GetTagDefinition(pb.GetTagDefinitionRequest(name=name))
        assert found.tag_definition.name.endswith(name)
        request = pb.TagRequest(tag_definition=name, contents=[{"parts": [{"text": "aaa"}]}])  # type: ignore[list-item]
        answer = await stub.Tag(request)
        assert answer.model == found.tag_definition.name.replace("tagDefinitions/shapes", "models/letters")
        assert answer.results[0].tags.tags[0].tag == "aaa"


async def test_malformed_names_and_a_missing_definition_are_refused(stub: Any) -> None:
    content = [{"parts": [{"text": "a"}]}]
    calls = [
        (stub.GetTagDefinition(pb.GetTagDefinitionRequest(name="shapes")), "name"),
        (stub.ListTagDefinitionVersions(pb.ListTagDefinitionVersionsRequest(name="x/y")), "name"),
        (stub.DeleteTagDefinition(pb.DeleteTagDefinitionRequest()), "name"),
        (stub.UpdateTagDefinition(pb.UpdateTagDefinitionRequest()), "tag_definition.name"),
        (stub.ListTagDefinitions(pb.ListTagDefinitionsRequest(parent="default")), "parent"),
        (stub.CreateTagDefinition(pb.CreateTagDefinitionRequest(parent="default")), "parent"),
        (stub.Tag(pb.TagRequest(tag_definition="shapes", contents=content)), "tag_definition"),  # type: ignore[arg-type]
    ]
    for call, field in calls:
        await refused(call, InvalidArgument, Reason.NAME_INVALID, field)
    await refused(stub.Tag(pb.TagRequest(contents=content)), InvalidArgument, Reason.FIELD_INVALID, "definition")  # type: ignore[arg-type]
    odd = pb.TagRequest(tag_definition="tagDefinitions/shapes", contents=content, priority=9)  # type: ignore[arg-type]
    await refused(stub.Tag(odd), InvalidArgument, Reason.FIELD_INVALID, "priority")
