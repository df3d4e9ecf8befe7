"""The tag port satisfied by another, for those who add something to tagging and leave definitions as they are."""

from sensorium.model.names import TagDefinitionName
from sensorium.model.search import Page
from sensorium.model.tagging import DefinitionUpdate, TagDefinition, TagDefinitionSpec, TagRequest, TagResponse
from sensorium.ports import Tagger


class ForwardedTagger(Tagger):
    """Satisfies `Tagger` by another.

    Args:
        tagger: Keeps definitions and tags.
    """

    def __init__(self, tagger: Tagger) -> None:
        self._tagger = tagger

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
        return await self._tagger.tag(request)
