"""Files as documents of a search collection: what of them a search can filter by."""

from typing import Any

from sqlalchemy import Row, RowMapping

from sensorium.dataset.file_fields import FIELDS
from sensorium.model.collection import AttributeField, AttributeType
from sensorium.model.content import Content
from sensorium.model.document import AttributeValue, Document
from sensorium.model.embedding import Embedding
from sensorium.storage import moments

# What every document has by itself.
_OWN = ("id", "tags")
_META = "meta_"

ATTRIBUTES = tuple(AttributeField(each.name, each.type) for each in FIELDS if each.name not in _OWN)


def document_of(row: Row[Any], source: Content | Embedding) -> Document:
    """Return the document of a file."""
    return Document(row.id, source, tuple(row.tags), attributes_of(row))


def attributes_of(row: Row[Any]) -> dict[str, AttributeValue]:
    """Return what the document of a file says beside its tags."""
    columns = row._mapping
    return {each.field: value for each in ATTRIBUTES if (value := _value(columns, each)) is not None}


def _value(columns: RowMapping, attribute: AttributeField) -> AttributeValue | None:
    if attribute.field.startswith(_META):
        found: AttributeValue | None = columns["attributes"].get(attribute.field.removeprefix(_META))
        return found
    value = columns[attribute.field]
    match attribute.type, value:
        case _, None:
            return None
        case AttributeType.TIME, int():
            return moments.from_micros(value)
        case AttributeType.STRING_LIST, list():
            return tuple(value)
        case _:
            plain: AttributeValue = value
            return plain
