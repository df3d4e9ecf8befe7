"""Collections: sets of documents in one vector space."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sensorium.model.names import AliasName, CollectionName
from sensorium.model.vector import Metric


class AttributeType(StrEnum):
    """The type of a declared attribute."""

    STRING = "string"
    INT = "int"
    DOUBLE = "double"
    BOOL = "bool"
    TIME = "time"
    STRING_LIST = "string_list"


@dataclass(frozen=True, slots=True)
class AttributeField:
    """One filterable attribute."""

    field: str
    type: AttributeType


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """What a caller asks a collection to be; `dimension` 0 and `metric` None take the model's own."""

    description: str = ""
    model: str = ""
    model_revision: str = ""
    dimension: int = 0
    metric: Metric | None = None
    attributes: tuple[AttributeField, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as it is; `workspace` and `id` make its name."""

    workspace: str
    id: str
    description: str
    model: str
    model_revision: str
    dimension: int
    metric: Metric
    attributes: tuple[AttributeField, ...]
    create_time: datetime
    update_time: datetime
    document_count: int = 0
    pending_count: int = 0
    etag: str = ""


class CollectionField(StrEnum):
    """What of a collection can change."""

    DESCRIPTION = "description"
    ATTRIBUTES = "attributes"


@dataclass(frozen=True, slots=True)
class CollectionUpdate:
    """Asks to change a collection.

    Attributes:
        name: The collection.
        fields: What changes.
        description: What it is for.
        attributes: What it declares besides what it declares already.
        etag: If it is not empty, the change is refused when the collection has another.
        request_id: A repeat with the same one, which is not empty, changes nothing.
    """

    name: CollectionName
    fields: tuple[CollectionField, ...]
    description: str = ""
    attributes: tuple[AttributeField, ...] = ()
    etag: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that stands for a collection."""

    name: AliasName
    collection: CollectionName
    update_time: datetime
