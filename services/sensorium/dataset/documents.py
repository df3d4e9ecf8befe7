"""Files as documents of a search collection: what of them a search can filter by."""

from typing import Any

from sqlalchemy import Row, RowMapping

from sensorium.dataset.file_fields import FIELDS
from sensorium.filters.tree import Term
from sensorium.model.collection import AttributeField, AttributeType
from sensorium.model.content import Content
from sensorium.model.document import AttributeValue, Document
from sensorium.model.embedding import Embedding
from sensorium.storage import moments

# What every document has by itself.
_OWN = ("id", "tags")
# What changes when a document has been written.
_LATER = ("index_job", "index_time")

ATTRIBUTES = tuple(
    AttributeField(each.name, each.type) for each in FIELDS if each.type and each.name not in (*_OWN, *_LATER)
)


def is_in_documents(term: Term) -> bool:
    """Return whether documents say what a term asks; what callers give a file they do not."""
    return term.field.type is not None and term.field.name not in _LATER


def document_of(row: Row[Any], source: Content | Embedding) -> Document:
    """Return the document of a file."""
    return Document(row.id, source, tuple(row.tags), attributes_of(row))


def attributes_of(row: Row[Any]) -> dict[str, AttributeValue]:
    """Return what the document of a file says beside its tags."""
    columns = row._mapping
    return {each.field: value for each in ATTRIBUTES if (value := _value(columns, each)) is not None}


def _value(columns: RowMapping, attribute: AttributeField) -> AttributeValue | None:
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
