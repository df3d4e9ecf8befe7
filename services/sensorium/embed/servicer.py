"""EmbedService over gRPC."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from sensorium.embed.model_page import model_page
from sensorium.embed.service import check_count
from sensorium.in_order import in_order
from sensorium.model.embedding import Priority
from sensorium.model.names import DEFAULT_WORKSPACE, parse_model, parse_workspace
from sensorium.ports import Embedder
from sensorium.rpc.codec.embed import model_to_proto, request_from_proto, response_to_proto
from sensorium.v1 import embed_service_pb2 as pb
from sensorium.v1.embed_service_pb2_grpc import EmbedServiceServicer

_STREAM_DEPTH = 4

Context = grpc.aio.ServicerContext[Any, Any]


class EmbedServicer(EmbedServiceServicer):
    """Serves `embedder`. A call of more than `max_items` contents is refused before they are read."""

    def __init__(self, embedder: Embedder, *, max_items: int) -> None:
        self._embedder = embedder
        self._max_items = max_items

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.GetModelResponse:  # noqa: N802, ARG002
        """Return one model."""
        workspace, name = parse_model(request.name) if request.name else (DEFAULT_WORKSPACE, "")
        return pb.GetModelResponse(model=model_to_proto(await self._embedder.model(name), workspace))

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:  # noqa: N802, ARG002
        """Return a page of the models."""
        workspace = parse_workspace(request.parent)
        page = model_page(await self._embedder.models(), request.page_size, request.page_token)
        return pb.ListModelsResponse(
            models=[model_to_proto(info, workspace) for info in page.items], next_page_token=page.next_page_token
        )

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:  # noqa: N802, ARG002
        """Embed one batch."""
        return await self._embed(request, Priority.INTERACTIVE)

    async def StreamEmbed(  # noqa: N802
        self,
        requests: AsyncIterator[pb.StreamEmbedRequest],
        context: Context,  # noqa: ARG002
    ) -> AsyncIterator[pb.StreamEmbedResponse]:
        """Embed batches as they come, a few at once; their order is kept."""
        async for response in in_order(requests, self._stream_embed, depth=_STREAM_DEPTH):
            yield response

    async def _stream_embed(self, request: pb.StreamEmbedRequest) -> pb.StreamEmbedResponse:
        return pb.StreamEmbedResponse(response=await self._embed(request.request, Priority.BULK))

    async def _embed(self, message: pb.EmbedRequest, unspecified: Priority) -> pb.EmbedResponse:
        check_count(len(message.contents), self._max_items)
        request = request_from_proto(message, unspecified)
        return response_to_proto(await self._embedder.embed(request), request.workspace)
