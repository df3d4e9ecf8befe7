"""Documents: what a collection holds and a search finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sensorium.model.content import Content
from sensorium.model.embedding import Embedding

AttributeValue = str | int | float | bool | datetime | tuple[str, ...]
# The whole numbers that can be kept and compared.
INT64 = range(-(1 << 63), 1 << 63)


@dataclass(frozen=True, slots=True)
class Document:
    """One thing that can be found.

    Attributes:
        id: The last part of its name, unique in its collection.
        source: Its vectors, or its content before the gateway has embedded it; None where a view leaves it out.
        tags: Its tags, without repeats.
        attributes: Its attributes by name; times are in UTC.
        create_time: When it was first written; None before that.
        update_time: When it was last written; None before that.
    """

    id: str
    source: Embedding | Content | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    create_time: datetime | None = None
    update_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class DocumentMask:
    """Chooses what of a document changes.

    Attributes:
        tags: All its tags.
        attributes: All its attributes.
        attribute_names: These attributes; one that has no new value is removed.
    """

    tags: bool = True
    attributes: bool = True
    attribute_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentView:
    """Chooses what of a document is returned; empty `attribute_names` means all."""

    embedding: bool = False
    tags: bool = True
    attributes: bool = True
    attribute_names: tuple[str, ...] = ()
