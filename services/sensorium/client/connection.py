"""Where a client's calls go: one channel, and the ports over it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sensorium.embed import client as embed
from sensorium.ports import Embedder, Searcher, Tagger
from sensorium.rpc.channel import open_channel
from sensorium.search import client as search
from sensorium.tag import client as tag


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a mesh, and the key to show there."""

    address: str
    api_key: str | None = None


@dataclass(frozen=True, slots=True)
class Backends:
    """What a client calls."""

    embedder: Embedder
    searcher: Searcher
    tagger: Tagger


@asynccontextmanager
async def connect(endpoint: Endpoint) -> AsyncIterator[Backends]:
    """Open a channel to a mesh. Nothing is sent before the first call, so a wrong address shows there."""
    headers = {"authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
    repeatable = {**embed.REPEATABLE, **search.REPEATABLE, **tag.REPEATABLE}
    async with open_channel(endpoint.address, repeatable=repeatable, headers=headers) as channel:
        yield Backends(embed.EmbedClient(channel), search.SearchClient(channel), tag.TagClient(channel))
