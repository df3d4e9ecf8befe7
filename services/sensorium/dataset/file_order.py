"""The orders that files are listed in, and where a page goes on, in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, true

from sensorium.dataset.tables import files
from sensorium.model.dataset_file import FileOrder, SortBy
from sensorium.storage import list_pages


@dataclass(frozen=True, slots=True)
class FilePlace:
    """The last file of a page: its URI, and the value that files are ordered by; None when it has none."""

    uri: str
    value: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The first `limit` files behind a place, in an order; no place is the start."""

    order: FileOrder
    place: FilePlace | None
    limit: int


def ordered(order: FileOrder) -> list[Any]:
    """Return what to order by; files that are alike follow each other by URI, and those without a time come first."""
    columns = [files.c[order.by.value], *([] if order.by is SortBy.URI else [files.c.uri])]
    turned = [column.desc() if order.descending else column for column in columns]
    if order.by is SortBy.FILE_CREATE_TIME:  # Databases differ in where they put what is not there.
        turned[0] = turned[0].nulls_last() if order.descending else turned[0].nulls_first()
    return turned


def place_of(row: Row[Any], order: FileOrder) -> FilePlace:
    """Return the place of a file."""
    return FilePlace(row.uri, None if order.by is SortBy.URI else row._mapping[order.by.value])


def written(place: FilePlace, order: FileOrder) -> list[str | float | int]:
    """Return a place as a page token says it."""
    return [place.uri] if order.by is SortBy.URI else ["" if place.value is None else place.value, place.uri]


def read(said: Sequence[object], order: FileOrder) -> FilePlace | None:
    """Return the place that a page token says; None for the first page. Raises InvalidArgument."""
    match said:
        case []:
            return None
        case [str(uri)] if order.by is SortBy.URI:
            return FilePlace(uri)
        case ["", str(uri)] if order.by is not SortBy.URI:
            return FilePlace(uri)
        case [int(value), str(uri)] if order.by is not SortBy.URI:
            return FilePlace(uri, value)
        case _:
            raise list_pages.invalid()


def behind(span: Span) -> ColumnElement[bool]:
    """Return the condition for the files behind the place. Files without a time come first, or last."""
    place, order = span.place, span.order
    if place is None:
        return true()
    uri, column = files.c.uri, files.c[order.by.value]
    later_uri = uri < place.uri if order.descending else uri > place.uri
    if order.by is SortBy.URI:
        return later_uri
    if place.value is None:
        alike: ColumnElement[bool] = and_(column.is_(None), later_uri)
        return alike if order.descending else or_(alike, column.is_not(None))
    later = column < place.value if order.descending else column > place.value
    same = and_(column == place.value, later_uri)
    return or_(later, same, column.is_(None)) if order.descending else or_(later, same)
