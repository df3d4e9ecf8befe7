"""The embed port as a gateway's callers see it, where contents may name objects of connections."""

from collections.abc import Sequence
from dataclasses import replace

from sensorium.gateway.connected.asking import Asked, Asking
from sensorium.model.content import Content
from sensorium.model.embedding import EmbedRequest, EmbedResponse, ModelInfo
from sensorium.ports import Embedder


class ConnectedEmbedder(Embedder):
    """Satisfies `Embedder` by another.

    Args:
        embedder: Embeds.
        asking: Brings what it may not read.
    """

    def __init__(self, embedder: Embedder, asking: Asking) -> None:
        self._embedder = embedder
        self._asking = asking

    async def models(self) -> Sequence[ModelInfo]:
        """Return the models that can be called, by name."""
        return await self._embedder.models()

    async def model(self, name: str) -> ModelInfo:
        """Return one model; an empty name means the default. Raises NotFound."""
        return await self._embedder.model(name)

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        """Return one embedding or error for each content, in order."""

        async def again(content: Content) -> EmbedResponse:
            return await self._embedder.embed(replace(request, contents=(content,)))

        first = await self._embedder.embed(request)
        return await self._asking.completed(first, Asked(request.contents, request.workspace, again))
