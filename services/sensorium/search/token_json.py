"""The tokens of a document as the store keeps them beside its texts, by the keys of fields."""

from collections.abc import Iterable, Sequence

from sensorium.filters.python import token_text
from sensorium.model.collection import AttributeField
from sensorium.search.attribute_json import Json, from_json
from sensorium.search.filter_fields import PREFIX, TAGS, TEXTUAL


def tokens_to_json(
    tags: Sequence[str], attributes: dict[str, Json], declared: Iterable[AttributeField]
) -> dict[str, str]:
    """Return the tokens of the tags and of the declared texts that a document has."""
    given = {f"{PREFIX}{each.field}": attributes.get(each.field) for each in declared if each.type in TEXTUAL}
    values = {key: from_json(value) for key, value in given.items() if value is not None}
    found = {key: token_text(value) for key, value in (values | {TAGS.key: tuple(tags)}).items()}
    return {key: tokens for key, tokens in found.items() if tokens}
