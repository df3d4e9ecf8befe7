"""The tag port as a gateway's callers see it, where contents may name objects of connections."""

from dataclasses import replace

from sensorium.gateway.connected.asking import Asked, Asking
from sensorium.gateway.forwarded_tagger import ForwardedTagger
from sensorium.model.content import Content
from sensorium.model.tagging import TagRequest, TagResponse
from sensorium.ports import Tagger


class ConnectedTagger(ForwardedTagger):
    """Satisfies `Tagger` by another.

    Args:
        tagger: Keeps definitions and tags.
        asking: Brings what it may not read.
    """

    def __init__(self, tagger: Tagger, asking: Asking) -> None:
        super().__init__(tagger)
        self._asking = asking

    async def tag(self, request: TagRequest) -> TagResponse:
        """Return tags or an error for each content, in order, all by one version of the definition."""
        first = await self._tagger.tag(request)
        same = replace(request, version=first.version)

        async def again(content: Content) -> TagResponse:
            return await self._tagger.tag(replace(same, contents=(content,)))

        return await self._asking.completed(first, Asked(request.contents, request.workspace, again))
