"""The messages of TagService, both ways: for its servicer and for its client."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from google.protobuf.field_mask_pb2 import FieldMask

from sensorium.errors import InvalidArgument, SensoriumError
from sensorium.model.names import DEFAULT_WORKSPACE, TagDefinitionName, model_name, parse_model, parse_workspace
from sensorium.model.tagging import (
    AssignedTag,
    ContentTags,
    DefinitionField,
    DefinitionUpdate,
    TagDefinition,
    TagDefinitionSpec,
    TagEvidence,
    TagRequest,
    TagResponse,
    TagSpec,
)
from sensorium.rpc.codec.collection import moment_from_proto, moment_to_proto
from sensorium.rpc.codec.content import content_from_proto, content_to_proto
from sensorium.rpc.codec.enums import PRIORITY
from sensorium.rpc.codec.usage import timings_from_proto, timings_to_proto, usage_from_proto, usage_to_proto
from sensorium.rpc.status import from_status, to_status
from sensorium.v1 import tag_service_pb2 as pb

_FIELDS = {field.value: field for field in DefinitionField}


def spec_from_proto(definition: pb.TagDefinition) -> TagDefinitionSpec:
    """Return what a caller asks a definition to be."""
    return TagDefinitionSpec(
        tags=tuple([_tag_from_proto(tag) for tag in definition.tags]),
        display_name=definition.display_name,
        guide_prompt=definition.guide_prompt,
        model=definition.model,
        threshold=definition.threshold if definition.HasField("threshold") else None,
        max_tag_count=definition.max_tag_count,
    )


def spec_to_proto(spec: TagDefinitionSpec, field: str = "tag_definition") -> pb.TagDefinition:
    """Return the message for `spec`. Raises InvalidArgument for what a message cannot hold."""
    with _holdable(field):
        return pb.TagDefinition(
            display_name=spec.display_name,
            guide_prompt=spec.guide_prompt,
            tags=[_tag_to_proto(tag) for tag in spec.tags],
            model=spec.model,
            threshold=spec.threshold,
            max_tag_count=spec.max_tag_count,
        )


def definition_from_proto(definition: pb.TagDefinition) -> TagDefinition:
    """Return the definition that the message holds."""
    return TagDefinition(
        name=TagDefinitionName.parse(definition.name, "tag_definition.name"),
        spec=spec_from_proto(definition),
        version=definition.version,
        create_time=moment_from_proto(definition.create_time),
        etag=definition.etag,
    )


def definition_to_proto(definition: TagDefinition) -> pb.TagDefinition:
    """Return the message for one version of a definition."""
    message = spec_to_proto(definition.spec)
    message.name = str(definition.name)
    message.version = definition.version
    message.create_time.CopyFrom(moment_to_proto(definition.create_time))
    message.etag = definition.etag
    return message


def update_from_proto(request: pb.UpdateTagDefinitionRequest) -> DefinitionUpdate:
    """Return the update; an empty mask means the fields that are set.

    Raises:
        InvalidArgument: The name is wrong, or the mask names a field that cannot be changed.
    """
    definition = request.tag_definition
    return DefinitionUpdate(
        name=TagDefinitionName.parse(definition.name, "tag_definition.name"),
        spec=spec_from_proto(definition),
        fields=tuple(map(_field, request.update_mask.paths)) or _set_fields(definition),
        etag=definition.etag,
        request_id=request.request_id,
    )


def update_to_proto(update: DefinitionUpdate) -> pb.UpdateTagDefinitionRequest:
    """Return the message for `update`, which changes at least one field. Raises InvalidArgument."""
    if not update.fields:  # An empty mask would mean the fields that are set.
        raise InvalidArgument("update_mask: there is nothing to change", field="update_mask")
    message = spec_to_proto(update.spec)
    with _holdable("tag_definition"):
        message.name = str(update.name)
        message.etag = update.etag
        return pb.UpdateTagDefinitionRequest(
            tag_definition=message,
            update_mask=FieldMask(paths=[field.value for field in update.fields]),
            request_id=update.request_id,
        )


def request_from_proto(request: pb.TagRequest) -> TagRequest:
    """Return the request.

    Raises:
        InvalidArgument: A name is wrong, or there is no definition.
    """
    definition = _wanted(request)
    own = definition.workspace if isinstance(definition, TagDefinitionName) else DEFAULT_WORKSPACE
    return TagRequest(
        definition=definition,
        contents=tuple([content_from_proto(content) for content in request.contents]),
        version=request.version,
        candidate_count=request.candidate_count,
        priority=PRIORITY.from_proto(request.priority, "priority"),
        workspace=parse_workspace(request.parent) if request.parent else own,
    )


def request_to_proto(request: TagRequest) -> pb.TagRequest:
    """Return the message for `request`. Raises InvalidArgument for what a message cannot hold."""
    contents = [content_to_proto(content) for content in request.contents]
    with _holdable("request"):
        message = pb.TagRequest(
            parent=f"workspaces/{request.workspace}",
            version=request.version,
            contents=contents,
            candidate_count=request.candidate_count,
            priority=PRIORITY.to_proto(request.priority),
        )
    match request.definition:
        case TagDefinitionName() as name:
            message.tag_definition = str(name)
        case spec:
            message.inline_definition.CopyFrom(spec_to_proto(spec, "inline_definition"))
    return message


def response_from_proto(response: pb.TagResponse) -> TagResponse:
    """Return the response, its model by id."""
    return TagResponse(
        results=tuple([_result_from_proto(result) for result in response.results]),
        model=parse_model(response.model, "model")[1],
        model_revision=response.model_revision,
        version=response.version,
        usage=usage_from_proto(response.usage),
        timings=timings_from_proto(response.timings),
    )


def response_to_proto(response: TagResponse, workspace: str) -> pb.TagResponse:
    """Return the message for `response`, the model named in `workspace`."""
    return pb.TagResponse(
        results=[_result_to_proto(result) for result in response.results],
        model=model_name(workspace, response.model),
        model_revision=response.model_revision,
        version=response.version,
        usage=usage_to_proto(response.usage),
        timings=timings_to_proto(response.timings),
    )


def _wanted(request: pb.TagRequest) -> TagDefinitionName | TagDefinitionSpec:
    match request.WhichOneof("definition"):
        case "tag_definition":
            return TagDefinitionName.parse(request.tag_definition, "tag_definition")
        case "inline_definition":
            return spec_from_proto(request.inline_definition)
        case _:
            raise InvalidArgument("definition: name one, or bring one inline", field="definition")


def _field(path: str) -> DefinitionField:
    if path not in _FIELDS:
        raise InvalidArgument(f"update_mask: {path!r} is not one of {', '.join(_FIELDS)}", field="update_mask")
    return _FIELDS[path]


def _set_fields(definition: pb.TagDefinition) -> tuple[DefinitionField, ...]:
    names = {descriptor.name for descriptor, _ in definition.ListFields()}
    return tuple(field for field in DefinitionField if field.value in names)


def _tag_from_proto(tag: pb.TagSpec) -> TagSpec:
    return TagSpec(tag.tag, tag.description, tag.group, tag.threshold if tag.HasField("threshold") else None)


def _tag_to_proto(tag: TagSpec) -> pb.TagSpec:
    return pb.TagSpec(tag=tag.tag, description=tag.description, group=tag.group, threshold=tag.threshold)


def _result_from_proto(result: pb.TagResult) -> ContentTags | SensoriumError:
    if result.WhichOneof("outcome") == "error":
        return from_status(result.error)
    return ContentTags(assigned_from_proto(result.tags.tags), assigned_from_proto(result.tags.candidates))


def _result_to_proto(result: ContentTags | SensoriumError) -> pb.TagResult:
    match result:
        case ContentTags(tags=tags, candidates=candidates):
            assigned = [[assigned_to_proto(each) for each in group] for group in (tags, candidates)]
            return pb.TagResult(tags=pb.ContentTags(tags=assigned[0], candidates=assigned[1]))
        case error:
            return pb.TagResult(error=to_status(error))


def assigned_from_proto(tags: Sequence[pb.AssignedTag]) -> tuple[AssignedTag, ...]:
    """Return the tags that the messages hold."""
    return tuple(
        AssignedTag(
            each.tag,
            each.group,
            each.score,
            TagEvidence(each.evidence.explanation, each.evidence.similarity, each.evidence.part_index),
        )
        for each in tags
    )


def assigned_to_proto(tag: AssignedTag) -> pb.AssignedTag:
    """Return the message for a tag as it was assigned."""
    evidence = pb.TagEvidence(
        explanation=tag.evidence.explanation,
        similarity=tag.evidence.similarity,
        part_index=tag.evidence.part_index,
    )
    return pb.AssignedTag(tag=tag.tag, group=tag.group, score=tag.score, evidence=evidence)


@contextmanager
def _holdable(field: str) -> Iterator[None]:
    """Refuse what a message cannot hold: text that is not Unicode, a number that is too large."""
    try:
        yield
    except (UnicodeEncodeError, ValueError, TypeError) as error:
        raise InvalidArgument(f"{field}: {error}", field=field) from error
