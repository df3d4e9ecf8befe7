"""Connections: named storages, model services and vector databases, with their secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sensorium.model.dataset_names import ConnectionName


class ConnectionKind(StrEnum):
    """What a connection connects to."""

    LOCAL = "local"
    S3 = "s3"
    OSS = "oss"
    DASH_SCOPE = "dash_scope"
    OPEN_AI = "open_ai"
    EAS = "eas"
    EMBEDDED = "embedded"
    MILVUS = "milvus"
    ELASTICSEARCH = "elasticsearch"
    OPEN_SEARCH = "open_search"
    HOLOGRES = "hologres"
    LINDORM = "lindorm"


STORAGE_KINDS = frozenset({ConnectionKind.LOCAL, ConnectionKind.S3, ConnectionKind.OSS})
DATABASE_KINDS = frozenset(
    {
        ConnectionKind.EMBEDDED,
        ConnectionKind.MILVUS,
        ConnectionKind.ELASTICSEARCH,
        ConnectionKind.OPEN_SEARCH,
        ConnectionKind.HOLOGRES,
        ConnectionKind.LINDORM,
    }
)


class ModelKind(StrEnum):
    """What a model of a connection does."""

    LLM = "llm"
    EMBEDDING = "embedding"
    RERANK = "rerank"


@dataclass(frozen=True, slots=True)
class ConnectionModel:
    """One model of a connection, by its name at the service."""

    model: str
    kind: ModelKind
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionSpec:
    """What a caller asks a connection to be.

    Attributes:
        kind: What it connects to.
        description: What it is.
        configs: Settings by name.
        secrets: Secrets by name; never printed, never returned.
        models: The models that it serves.
        annotations: What other APIs keep with it, unread.
    """

    kind: ConnectionKind
    description: str = ""
    configs: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    models: tuple[ConnectionModel, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)


class ConnectionField(StrEnum):
    """A field of `ConnectionSpec` that an update may change."""

    DESCRIPTION = "description"
    CONFIGS = "configs"
    SECRETS = "secrets"
    MODELS = "models"
    ANNOTATIONS = "annotations"


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as it is shown: its spec holds no secrets, only their names are told."""

    name: ConnectionName
    spec: ConnectionSpec
    secret_names: tuple[str, ...]
    create_time: datetime
    update_time: datetime
    etag: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionUpdate:
    """Asks to change the `fields` of a connection to those of `spec`."""

    name: ConnectionName
    spec: ConnectionSpec
    fields: tuple[ConnectionField, ...]
    etag: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Validation:
    """Asks to try a connection: a stored one, with what `spec` sets before it, or `spec` alone."""

    workspace: str
    name: ConnectionName | None = None
    spec: ConnectionSpec | None = None
