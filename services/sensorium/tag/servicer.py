"""TagService over gRPC."""

from typing import Any

import grpc

from sensorium.model.count_check import check_count
from sensorium.model.names import TagDefinitionName, parse_workspace
from sensorium.ports import Tagger
from sensorium.rpc.codec.tag import (
    definition_to_proto,
    request_from_proto,
    response_to_proto,
    spec_from_proto,
    update_from_proto,
)
from sensorium.v1 import tag_service_pb2 as pb
from sensorium.v1.tag_service_pb2_grpc import TagServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class TagServicer(TagServiceServicer):
    """Serves `tagger`. A call of more than `max_contents` contents is refused before they are read."""

    def __init__(self, tagger: Tagger, *, max_contents: int) -> None:
        self._tagger = tagger
        self._max_contents = max_contents

    async def GetTagDefinition(  # noqa: N802
        self,
        request: pb.GetTagDefinitionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.GetTagDefinitionResponse:
        """Return one tag definition."""
        found = await self._tagger.get_definition(TagDefinitionName.parse(request.name), request.version)
        return pb.GetTagDefinitionResponse(tag_definition=definition_to_proto(found))

    async def ListTagDefinitions(  # noqa: N802
        self,
        request: pb.ListTagDefinitionsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ListTagDefinitionsResponse:
        """Return a page of tag definitions."""
        workspace = parse_workspace(request.parent)
        page = await self._tagger.list_definitions(workspace, request.page_size, request.page_token)
        return pb.ListTagDefinitionsResponse(
            tag_definitions=map(definition_to_proto, page.items), next_page_token=page.next_page_token
        )

    async def ListTagDefinitionVersions(  # noqa: N802
        self,
        request: pb.ListTagDefinitionVersionsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ListTagDefinitionVersionsResponse:
        """Return a page of the versions of one tag definition."""
        name = TagDefinitionName.parse(request.name)
        page = await self._tagger.list_definition_versions(name, request.page_size, request.page_token)
        return pb.ListTagDefinitionVersionsResponse(
            tag_definitions=map(definition_to_proto, page.items), next_page_token=page.next_page_token
        )

    async def CreateTagDefinition(  # noqa: N802
        self,
        request: pb.CreateTagDefinitionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.CreateTagDefinitionResponse:
        """Create a tag definition."""
        name = TagDefinitionName(parse_workspace(request.parent), request.tag_definition_id)
        spec = spec_from_proto(request.tag_definition)
        created = await self._tagger.create_definition(name, spec, request_id=request.request_id)
        return pb.CreateTagDefinitionResponse(tag_definition=definition_to_proto(created))

    async def UpdateTagDefinition(  # noqa: N802
        self,
        request: pb.UpdateTagDefinitionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.UpdateTagDefinitionResponse:
        """Make a new version of a tag definition."""
        updated = await self._tagger.update_definition(update_from_proto(request))
        return pb.UpdateTagDefinitionResponse(tag_definition=definition_to_proto(updated))

    async def DeleteTagDefinition(  # noqa: N802
        self,
        request: pb.DeleteTagDefinitionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.DeleteTagDefinitionResponse:
        """Delete a tag definition."""
        await self._tagger.delete_definition(TagDefinitionName.parse(request.name))
        return pb.DeleteTagDefinitionResponse()

    async def Tag(self, request: pb.TagRequest, context: Context) -> pb.TagResponse:  # noqa: N802, ARG002
        """Tag one batch."""
        check_count("contents", len(request.contents), self._max_contents)
        wanted = request_from_proto(request)
        return response_to_proto(await self._tagger.tag(wanted), wanted.workspace)
