"""What a new collection may be."""

import re

from sensorium.errors import InvalidArgument
from sensorium.model.collection import AttributeField, CollectionSpec, CollectionUpdate
from sensorium.model.text_check import check_text
from sensorium.settings import SearchSettings

_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


def check_spec(spec: CollectionSpec, limits: SearchSettings) -> None:
    """Refuse what cannot be a collection.

    Raises:
        InvalidArgument: Names the field at fault.
    """
    _check_dimension(spec, limits.max_dimension)
    _check_description(spec.description, limits.max_description_chars)
    for name in (spec.model, spec.model_revision):
        check_text(name, "collection.model")
    _check_attributes(spec.attributes, limits.max_declared_attributes)


def check_update(update: CollectionUpdate, limits: SearchSettings) -> None:
    """Refuse what no collection can become.

    Raises:
        InvalidArgument: Names the field at fault.
    """
    if not update.fields:
        raise InvalidArgument("update_mask: there is nothing to change", field="update_mask")
    _check_description(update.description, limits.max_description_chars)
    _check_attributes(update.attributes, limits.max_declared_attributes)


def _check_description(description: str, most: int) -> None:
    if len(description) > most:
        raise _invalid("description", f"it has {len(description)} of {most} characters")
    check_text(description, "collection.description")


def _check_dimension(spec: CollectionSpec, largest: int) -> None:
    if spec.dimension == 0 and spec.model:
        raise _invalid("dimension", "the search role cannot know a model's dimension: the gateway fills it in")
    if not 1 <= spec.dimension <= largest:
        raise _invalid("dimension", f"{spec.dimension} is not between 1 and {largest}")


def _check_attributes(attributes: tuple[AttributeField, ...], most: int) -> None:
    if len(attributes) > most:
        raise _invalid("attributes", f"{len(attributes)} are declared, the limit is {most}")
    names = [each.field for each in attributes]
    for index, name in enumerate(names):
        if not _FIELD.fullmatch(name):
            raise _invalid(f"attributes[{index}].field", "a name is a letter, then up to 62 letters, digits or `_`")
        if name in names[:index]:
            raise _invalid(f"attributes[{index}].field", f"{name!r} is declared twice")


def _invalid(field: str, why: str) -> InvalidArgument:
    path = f"collection.{field}"
    return InvalidArgument(f"{path}: {why}", field=path)
