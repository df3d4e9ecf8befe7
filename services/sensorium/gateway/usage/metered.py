"""The ports through which a gateway's callers consume models, with what they consume counted."""

from collections.abc import Sequence

from sensorium.gateway.forwarded_tagger import ForwardedTagger
from sensorium.gateway.usage.ledger import UsageLedger
from sensorium.model.embedding import EmbedRequest, EmbedResponse, ModelInfo
from sensorium.model.tagging import TagRequest, TagResponse
from sensorium.ports import Embedder, Tagger


class MeteredEmbedder(Embedder):
    """Satisfies `Embedder` by another.

    Args:
        embedder: Embeds.
        ledger: Counts.
    """

    def __init__(self, embedder: Embedder, ledger: UsageLedger) -> None:
        self._embedder = embedder
        self._ledger = ledger

    async def models(self) -> Sequence[ModelInfo]:
        """Return the models that can be called, by name."""
        return await self._embedder.models()

    async def model(self, name: str) -> ModelInfo:
        """Return one model; an empty name means the default. Raises NotFound."""
        return await self._embedder.model(name)

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        """Return one embedding or error for each content, in order."""
        response = await self._embedder.embed(request)
        self._ledger.count(request.workspace, response.model, response.usage)
        return response


class MeteredTagger(ForwardedTagger):
    """Satisfies `Tagger` by that of another process, whose models no embedder of this one sees.

    Args:
        tagger: Tags.
        ledger: Counts.
    """

    def __init__(self, tagger: Tagger, ledger: UsageLedger) -> None:
        super().__init__(tagger)
        self._ledger = ledger

    async def tag(self, request: TagRequest) -> TagResponse:
        """Return tags or an error for each content, in order."""
        response = await self._tagger.tag(request)
        self._ledger.count(request.workspace, response.model, response.usage)
        return response
