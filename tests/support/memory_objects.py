"""Objects in memory, in the place of a dataset role's."""

from collections.abc import AsyncGenerator, Mapping

from sensorium.media.faults import refused


class MemoryObjects:
    """Satisfies `Objects` for every workspace; what it holds by URI."""

    def __init__(self, held: Mapping[str, bytes]) -> None:
        self._held = held

    async def read_object(self, workspace: str, uri: str, most: int) -> AsyncGenerator[bytes]:
        if uri not in self._held:
            raise refused("names no object")
        yield self._held[uri]
