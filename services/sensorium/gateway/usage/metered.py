"""The ports through which a gateway's callers consume models, with what they consume counted."""

from collections.abc import Sequence

from sensorium.gateway.usage.ledger import UsageLedger
from sensorium.model.embedding import EmbedRequest, EmbedResponse, ModelInfo
from sensorium.model.names import TagDefinitionName
from sensorium.model.search import Page
from sensorium.model.tagging import DefinitionUpdate, TagDefinition, TagDefinitionSpec, TagRequest, TagResponse
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


class MeteredTagger(Tagger):
    """Satisfies `Tagger` by that of another process, whose models no embedder of this one sees.

    Args:
        tagger: Tags.
        ledger: Counts.
    """

    def __init__(self, tagger: Tagger, ledger: UsageLedger) -> None:
        self._tagger = tagger
        self._ledger = ledger

    async def get_definition(self, name: TagDefinitionName, version: int) -> TagDefinition:
        """Return a version of a definition; 0 means the latest."""
        return await self._tagger.get_definition(name, version)

    async def list_definitions(self, workspace: str, page_size: int, page_token: str) -> Page[TagDefinition]:
        """Return a page of the workspace's definitions."""
        return await self._tagger.list_definitions(workspace, page_size, page_token)

    async def list_definition_versions(
        self, name: TagDefinitionName, page_size: int, page_token: str
    ) -> Page[TagDefinition]:
        """Return a page of the versions of one definition."""
        return await self._tagger.list_definition_versions(name, page_size, page_token)

    async def create_definition(
        self, name: TagDefinitionName, spec: TagDefinitionSpec, *, request_id: str = ""
    ) -> TagDefinition:
        """Create a definition. Raises AlreadyExists."""
        return await self._tagger.create_definition(name, spec, request_id=request_id)

    async def update_definition(self, update: DefinitionUpdate) -> TagDefinition:
        """Make a new version. Raises Aborted when the definition changed since its etag was read."""
        return await self._tagger.update_definition(update)

    async def delete_definition(self, name: TagDefinitionName) -> None:
        """Delete a definition and its versions."""
        await self._tagger.delete_definition(name)

    async def tag(self, request: TagRequest) -> TagResponse:
        """Return tags or an error for each content, in order."""
        response = await self._tagger.tag(request)
        self._ledger.count(request.workspace, response.model, response.usage)
        return response
