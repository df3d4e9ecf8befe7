"""Reads which files a request means, as a condition on the table of files."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, true

from sensorium.dataset.file_fields import FIELDS, TAGS, FileColumns
from sensorium.dataset.tables import files
from sensorium.filters.parser import parse
from sensorium.filters.sql import condition
from sensorium.filters.tree import EVERYTHING, All, Contains, Filter, Negation, OneOf
from sensorium.model.dataset_file import FileSelection, FileStatus, StatusFilter
from sensorium.model.search import TagFilter
from sensorium.model.text_check import check_text


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection of files, and its filter and condition on tags as one filter."""

    selection: FileSelection
    part: Filter

    def of(self, version: int) -> ColumnElement[bool]:
        """Return the condition for the files of the version in row `version` that are meant."""
        return selected(version, self.selection, self.part)


def filter_of(selection: FileSelection) -> Filter:
    """Return the filter and the condition on tags as one filter.

    Raises:
        InvalidArgument: FILTER_INVALID with the column, or a tag that no database keeps.
    """
    return with_tags(parse(selection.filter, FIELDS), selection.tags)


def with_tags(part: Filter, tags: TagFilter) -> Filter:
    """Return a filter and a condition on tags as one filter. Raises InvalidArgument for a tag that cannot be."""
    parts = (*(() if part == EVERYTHING else (part,)), *_conditions(tags))
    return parts[0] if len(parts) == 1 else All(parts)


def selected(version: int, selection: FileSelection, part: Filter) -> ColumnElement[bool]:
    """Return the condition for the files of the version in row `version` that are meant; `part` is their filter."""
    chosen = files.c.version == version
    if selection.status is not StatusFilter.ALL:
        chosen &= files.c.status == FileStatus(selection.status.value).value
    if selection.ids:
        chosen &= files.c.id.in_(selection.ids)
    return and_(chosen, true() if part == All() else condition(part, FileColumns()))


def _conditions(tags: TagFilter) -> tuple[Filter, ...]:
    for kind, given in (("any", tags.any), ("all", tags.all), ("none", tags.none)):
        for place, tag in enumerate(given):
            check_text(tag, f"selection.tags.{kind}[{place}]")
    parts: list[Filter] = [Contains(TAGS, tag) for tag in tags.all]
    if tags.any:
        parts.append(OneOf(TAGS, tags.any))
    if tags.none:
        parts.append(Negation(OneOf(TAGS, tags.none)))
    return tuple(parts)
