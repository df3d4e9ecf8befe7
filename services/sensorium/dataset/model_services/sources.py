"""Gives what embeds, searches and tags: the services of this mesh, or the same by the model of a connection."""

from collections import OrderedDict
from dataclasses import dataclass

from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.model_services.assumed_calibration import AssumedCalibration
from sensorium.dataset.model_services.opening import ModelOpener
from sensorium.dataset.neighbours import Neighbours
from sensorium.model.dataset_names import ConnectedModel, ConnectionName
from sensorium.ports import Embedder, Searcher, SimilarityTagger

# Models of connections that stay open; those that were used longest ago leave first.
MOST_OPEN = 64


@dataclass(frozen=True, slots=True)
class Source:
    """What works by one model of a connection; `etag` is the connection's when this was made of it."""

    etag: str
    embedder: Embedder
    searcher: Searcher
    tagger: SimilarityTagger


class ModelSources:
    """Finds the services for a model by its name.

    Args:
        connections: Keeps connections.
        opener: Opens their models.
        neighbours: The services of this mesh.
    """

    def __init__(self, connections: ConnectionService, opener: ModelOpener, neighbours: Neighbours) -> None:
        self._connections = connections
        self._opener = opener
        self._neighbours = neighbours
        self._open: OrderedDict[tuple[ConnectionName, str], Source] = OrderedDict()

    async def source(self, connection: ConnectionName, model: str) -> Source:
        """Return what works by a model of a connection as it is now; an empty `model` means its first.

        Raises:
            NotFound: There is no such connection.
            InvalidArgument: It has no such model, may not be called, or does not embed.
        """
        key, etag = (connection, model), (await self._connections.get_connection(connection)).etag
        found = self._open.get(key)
        if found is None or found.etag != etag:
            spec = await self._connections.spec_with_secrets(connection)
            found = self._made(etag, self._opener.embedder(connection, spec, model))
        self._open[key] = found
        self._open.move_to_end(key)
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        return found

    async def embedder(self, model: str) -> Embedder:
        """Return what knows a model, by the name that collections give it. Raises as `source`."""
        there = ConnectedModel.find(model)
        return (await self.source(there.connection, there.model)).embedder if there else self._neighbours.embedder

    async def searcher(self, model: str) -> Searcher:
        """Return what searches in a collection of a model, and writes to it. Raises as `source`."""
        there = ConnectedModel.find(model)
        return (await self.source(there.connection, there.model)).searcher if there else self._neighbours.searcher

    def _made(self, etag: str, embedder: Embedder) -> Source:
        return Source(
            etag,
            embedder,
            self._neighbours.searcher_by(embedder),
            self._neighbours.tagger_by(AssumedCalibration(embedder)),
        )
