"""Opens the models of connections: a wire format, a service with its key, and the limits under which it is called."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpcore2

from sensorium.dataset.model_services.dash_scope import DashScopeApi
from sensorium.dataset.model_services.eas import EasApi
from sensorium.dataset.model_services.embedder import ConnectedEmbedder
from sensorium.dataset.model_services.embedding_api import EmbeddingApi
from sensorium.dataset.model_services.http_service import HttpService
from sensorium.dataset.model_services.open_ai import OpenAiApi
from sensorium.dataset.model_services.profile import check_host, key_of, model_of, profile_of
from sensorium.model.connection import ConnectionKind, ConnectionSpec
from sensorium.model.dataset_names import ConnectedModel, ConnectionName
from sensorium.settings import DatasetSettings

_APIS: Mapping[ConnectionKind, EmbeddingApi] = {
    ConnectionKind.OPEN_AI: OpenAiApi(),
    ConnectionKind.DASH_SCOPE: DashScopeApi(),
    ConnectionKind.EAS: EasApi(),
}


class ModelOpener:
    """Makes embedders of connections.

    Args:
        pool: Keeps connections to all services.
        settings: Which hosts may be called, how often and for how long.
    """

    def __init__(self, pool: httpcore2.AsyncConnectionPool, settings: DatasetSettings) -> None:
        self._pool = pool
        self._settings = settings

    def embedder(self, name: ConnectionName, spec: ConnectionSpec, model: str) -> ConnectedEmbedder:
        """Return what embeds by a model of a connection, the first for embeddings when `model` is empty.

        Raises:
            InvalidArgument: The connection does not embed, a config has no meaning, no model is known, or URI_REFUSED:
                the host is not allowed.
        """
        profile = profile_of(spec)
        check_host(profile.base_url, self._settings.model_hosts, "connection.configs['base_url']")
        return ConnectedEmbedder(
            ConnectedModel(name, model_of(spec, model)),
            profile,
            _APIS[spec.kind],
            HttpService(self._pool, name, profile.base_url, key_of(spec), self._settings.model_seconds),
            calls=self._settings.model_calls,
            retry_seconds=self._settings.retry_seconds,
        )


@asynccontextmanager
async def model_opener(settings: DatasetSettings) -> AsyncIterator[ModelOpener]:
    """Give an opener; what it opened is closed with it."""
    async with httpcore2.AsyncConnectionPool(max_connections=None, keepalive_expiry=30) as pool:
        yield ModelOpener(pool, settings)
