"""Where a client's calls go: one channel, and the ports over it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sensorium.dataset import client as dataset
from sensorium.dataset_ports import DatasetPorts
from sensorium.embed import client as embed
from sensorium.errors import InvalidArgument
from sensorium.gateway.usage import client as usage
from sensorium.ports import Embedder, Searcher, Tagger, UsageReader
from sensorium.rpc.channel import open_channel
from sensorium.rpc.channel_tls import channel_credentials
from sensorium.search import client as search
from sensorium.tag import client as tag


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a mesh, the key to show there, and the roots of its certificate; without them there is no TLS."""

    address: str
    api_key: str | None = field(default=None, repr=False)
    tls_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Backends:
    """What a client calls."""

    embedder: Embedder
    searcher: Searcher
    tagger: Tagger
    datasets: DatasetPorts
    usage: UsageReader


@asynccontextmanager
async def connect(endpoint: Endpoint) -> AsyncIterator[Backends]:
    """Open a channel to a mesh. Nothing is sent before the first call, so a wrong address shows there.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: the file of the roots cannot be read.
        InvalidArgument: The key holds what no header can.
    """
    headers = {"authorization": f"Bearer {_sendable(endpoint.api_key)}"} if endpoint.api_key else {}
    repeatable = {**embed.REPEATABLE, **search.REPEATABLE, **tag.REPEATABLE, **dataset.REPEATABLE, **usage.REPEATABLE}
    credentials = channel_credentials(endpoint.tls_ca) if endpoint.tls_ca else None
    async with open_channel(
        endpoint.address, repeatable=repeatable, credentials=credentials, headers=headers
    ) as channel:
        yield Backends(
            embed.EmbedClient(channel),
            search.SearchClient(channel),
            tag.TagClient(channel),
            dataset.dataset_clients(channel),
            usage.UsageClient(channel),
        )


def _sendable(key: str) -> str:
    """Return a key without the white space around it, such as the end of a line."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise InvalidArgument("api_key: a key is printable ASCII", field="api_key")
    return key
