"""The tag service of another process, behind the same port as the one in this process."""

import uuid
from dataclasses import replace

import grpc

from sensorium import context
from sensorium.context import Stage
from sensorium.model.names import TagDefinitionName
from sensorium.model.search import Page
from sensorium.model.tagging import DefinitionUpdate, TagDefinition, TagDefinitionSpec, TagRequest, TagResponse
from sensorium.ports import Tagger
from sensorium.rpc.codec.tag import (
    definition_from_proto,
    request_to_proto,
    response_from_proto,
    spec_to_proto,
    update_to_proto,
)
from sensorium.v1 import tag_service_pb2 as pb
from sensorium.v1.tag_service_pb2_grpc import TagServiceStub

# Methods that may be repeated when the service is away, for the channel factory. Creations and updates carry a request
# id, the same for all repeats of a call; the repeat of a deletion that succeeded would report an error.
REPEATABLE = {
    "sensorium.v1.TagService": (
        "GetTagDefinition",
        "ListTagDefinitions",
        "ListTagDefinitionVersions",
        "CreateTagDefinition",
        "UpdateTagDefinition",
        "Tag",
    )
}


class TagClient(Tagger):
    """Satisfies `Tagger` over a channel of `rpc.channel`, which passes deadlines on and raises our errors."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = TagServiceStub(channel)

    async def get_definition(self, name: TagDefinitionName, version: int) -> TagDefinition:
        """Return one version of a definition; 0 means the latest."""
        response = await self._stub.GetTagDefinition(pb.GetTagDefinitionRequest(name=str(name), version=version))
        return definition_from_proto(response.tag_definition)

    async def list_definitions(self, workspace: str, page_size: int, page_token: str) -> Page[TagDefinition]:
        """Return a page of the workspace's definitions in their latest version, by id."""
        response = await self._stub.ListTagDefinitions(
            pb.ListTagDefinitionsRequest(parent=f"workspaces/{workspace}", page_size=page_size, page_token=page_token)
        )
        return Page(tuple(map(definition_from_proto, response.tag_definitions)), response.next_page_token)

    async def list_definition_versions(
        self, name: TagDefinitionName, page_size: int, page_token: str
    ) -> Page[TagDefinition]:
        """Return a page of the versions of one definition, latest first."""
        response = await self._stub.ListTagDefinitionVersions(
            pb.ListTagDefinitionVersionsRequest(name=str(name), page_size=page_size, page_token=page_token)
        )
        return Page(tuple(map(definition_from_proto, response.tag_definitions)), response.next_page_token)

    async def create_definition(
        self, name: TagDefinitionName, spec: TagDefinitionSpec, *, request_id: str = ""
    ) -> TagDefinition:
        """Create a definition as version 1; a repeat with the same `request_id` is harmless. Raises AlreadyExists."""
        response = await self._stub.CreateTagDefinition(
            pb.CreateTagDefinitionRequest(
                parent=f"workspaces/{name.workspace}",
                tag_definition_id=name.id,
                tag_definition=spec_to_proto(spec),
                request_id=request_id or _new_request_id(),
            )
        )
        return definition_from_proto(response.tag_definition)

    async def update_definition(self, update: DefinitionUpdate) -> TagDefinition:
        """Make a new version. Raises Aborted when the definition changed since its etag was read."""
        named = update if update.request_id else replace(update, request_id=_new_request_id())
        response = await self._stub.UpdateTagDefinition(update_to_proto(named))
        return definition_from_proto(response.tag_definition)

    async def delete_definition(self, name: TagDefinitionName) -> None:
        """Delete a definition and its versions."""
        await self._stub.DeleteTagDefinition(pb.DeleteTagDefinitionRequest(name=str(name)))

    async def tag(self, request: TagRequest) -> TagResponse:
        """Return tags or an error for each content, in order; its times are recorded on the current call."""
        response = response_from_proto(await self._stub.Tag(request_to_proto(request)))
        context.record(Stage.QUEUE, response.timings.queue_ms / 1e3)
        context.record(Stage.PREPROCESS, response.timings.preprocess_ms / 1e3)
        context.record(Stage.INFERENCE, response.timings.inference_ms / 1e3)
        return response


def _new_request_id() -> str:
    return str(uuid.uuid4())
