"""Reads which documents a request means: its filter and its condition on tags, as one filter."""

from sensorium.errors import InvalidArgument, Reason
from sensorium.filters.parser import parse
from sensorium.filters.tree import All, Contains, Filter, Negation, OneOf
from sensorium.model.collection import Collection
from sensorium.model.search import Selection, TagFilter
from sensorium.model.text_check import check_text
from sensorium.search.filter_fields import TAGS, fields_of
from sensorium.settings import SearchSettings


def read_selection(selection: Selection, collection: Collection, limits: SearchSettings) -> Filter:
    """Return the filter that a document must satisfy.

    Raises:
        InvalidArgument: FILTER_INVALID with the column, or a tag is none, or there are too many.
    """
    parts: list[Filter] = []
    if selection.filter.strip():
        parts.append(parse(selection.filter, fields_of(collection.attributes)))
    parts += _conditions(selection.tags, limits)
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _conditions(tags: TagFilter, limits: SearchSettings) -> list[Filter]:
    for kind, given in (("any", tags.any), ("all", tags.all), ("none", tags.none)):
        _check_tags(given, f"tags.{kind}", limits)
    parts: list[Filter] = [Contains(TAGS, tag) for tag in tags.all]
    if tags.any:
        parts.append(OneOf(TAGS, tags.any))
    if tags.none:
        parts.append(Negation(OneOf(TAGS, tags.none)))
    return parts


def _check_tags(tags: tuple[str, ...], field: str, limits: SearchSettings) -> None:
    if len(tags) > limits.max_tags:
        raise InvalidArgument(
            f"{field}: {len(tags)} tags, the limit is {limits.max_tags}",
            reason=Reason.TOO_MANY_ITEMS,
            field=field,
            metadata={"limit": str(limits.max_tags), "actual": str(len(tags))},
        )
    for index, tag in enumerate(tags):
        check_text(tag, f"{field}[{index}]")
        if not 1 <= len(tag) <= limits.max_tag_chars:
            path = f"{field}[{index}]"
            raise InvalidArgument(f"{path}: a tag has 1 to {limits.max_tag_chars} characters", field=path)
