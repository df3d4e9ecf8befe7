"""The embed service of another process, behind the same port as the one in this process."""

from collections.abc import Sequence

import grpc

from sensorium import context
from sensorium.context import Stage
from sensorium.model.embedding import EmbedRequest, EmbedResponse, ModelInfo, Timings
from sensorium.model.names import DEFAULT_WORKSPACE, model_name
from sensorium.ports import Embedder
from sensorium.rpc.codec.embed import model_from_proto, request_to_proto, response_from_proto
from sensorium.v1 import embed_service_pb2 as pb
from sensorium.v1.embed_service_pb2_grpc import EmbedServiceStub

# Methods that may be repeated when the service is away, for the channel factory.
REPEATABLE = {"sensorium.v1.EmbedService": ("GetModel", "ListModels", "Embed")}


class EmbedClient(Embedder):
    """Satisfies `Embedder` over a channel of `rpc.channel`, which passes deadlines on and raises our errors."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = EmbedServiceStub(channel)

    async def models(self) -> Sequence[ModelInfo]:
        """Return the models that can be called, by name."""
        models: list[ModelInfo] = []
        token = ""
        while True:
            page = await self._stub.ListModels(pb.ListModelsRequest(page_token=token))
            models += [model_from_proto(model) for model in page.models]
            token = page.next_page_token
            if not token:
                return models

    async def model(self, name: str) -> ModelInfo:
        """Return one model; an empty name means the default. Raises NotFound."""
        full_name = model_name(DEFAULT_WORKSPACE, name) if name else ""
        response = await self._stub.GetModel(pb.GetModelRequest(name=full_name))
        return model_from_proto(response.model)

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        """Return one embedding or error for each content, in order; its times are recorded on the current call."""
        response = response_from_proto(await self._stub.Embed(request_to_proto(request)))
        _record(response.timings)
        return response


def _record(timings: Timings) -> None:
    context.record(Stage.QUEUE, timings.queue_ms / 1e3)
    context.record(Stage.PREPROCESS, timings.preprocess_ms / 1e3)
    context.record(Stage.INFERENCE, timings.inference_ms / 1e3)
