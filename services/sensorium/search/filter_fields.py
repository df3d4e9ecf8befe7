"""The fields that filters of a collection may name: what every document has, and the declared attributes."""

from collections.abc import Mapping
from functools import lru_cache

from sensorium.filters.fields import Field, Fields
from sensorium.filters.inexpressible import Inexpressible
from sensorium.model.collection import AttributeField, AttributeType
from sensorium.model.document import AttributeValue, Document

ID = Field("id", AttributeType.STRING, "id")
TAGS = Field("tags", AttributeType.STRING_LIST, "tags", tokens=True)
CREATE_TIME = Field("create_time", AttributeType.TIME, "create_time")
UPDATE_TIME = Field("update_time", AttributeType.TIME, "update_time")
OWN = (ID, TAGS, CREATE_TIME, UPDATE_TIME)
PREFIX = "attributes."
TEXTUAL = frozenset({AttributeType.STRING, AttributeType.STRING_LIST})


@lru_cache(256)
def fields_of(declared: tuple[AttributeField, ...]) -> Fields:
    """Return the fields of documents that declare these attributes.

    An attribute goes by its name, unless that is a field of every document, and always by `attributes.{name}`.
    """
    own = {each.name for each in OWN}
    attributes = []
    aliases = {}
    for each in declared:
        long = f"{PREFIX}{each.field}"
        name = long if each.field in own else each.field
        aliases[long] = name
        attributes.append(Field(name, each.type, long, tokens=each.type in TEXTUAL))
    return Fields((*OWN, *attributes), aliases)


def attribute_of(field: Field) -> str:
    """Return the name of the attribute that `field` is; empty when it is none."""
    return field.key.removeprefix(PREFIX) if field.key.startswith(PREFIX) else ""


def record_of(document: Document) -> Mapping[str, AttributeValue]:
    """Return the values of a document by the keys of fields."""
    own: dict[str, AttributeValue] = {"id": document.id, "tags": document.tags}
    if document.create_time and document.update_time:
        own |= {"create_time": document.create_time, "update_time": document.update_time}
    return own | {f"{PREFIX}{name}": value for name, value in document.attributes.items()}


def undeclared(field: Field) -> Inexpressible:
    """Return why an index that was made before an attribute was declared cannot take a filter that names it."""
    return Inexpressible(f"{field.name}, which was declared after the index was made")
