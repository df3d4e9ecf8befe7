"""Counts the values of fields over the files that are meant."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, func, select, true

from sensorium.dataset.file_fields import META, TAG_FIELDS
from sensorium.dataset.selecting import Chosen
from sensorium.dataset.tables import files
from sensorium.dataset.value_counts import ValueCounts, value_order
from sensorium.errors import InvalidArgument, Reason
from sensorium.filters import json_rows
from sensorium.filters.json_rows import elements, members
from sensorium.model.dataset_file import EVERY_FILE, FileStatistics
from sensorium.model.document import AttributeValue
from sensorium.model.search import Facet, FacetRequest

MOST = 16
DEFAULT_LIMIT = 20
LARGEST_LIMIT = 1000
SCALARS = ("file_dir", "file_type", "content_type")
# As PAI names them.
ALIASES: Mapping[str, str] = {
    "filedir": "file_dir",
    "filetype": "file_type",
    "tags.all": "tags",
    "tags.ai": "algorithm_tags",
    "tags.user": "user_tags",
    "tags.user-delete-ai-tags": "deleted_tags",
}
# How values are read that stand in the attributes of files, by their types.
_READERS: Mapping[str, Callable[[Any], AttributeValue]] = {
    json_rows.TEXT: str,
    json_rows.WHOLE: int,
    json_rows.REAL: float,
    json_rows.TRUE: lambda _: True,
    json_rows.FALSE: lambda _: False,
    json_rows.LIST: lambda value: tuple(json.loads(value)),
}


def check(requests: Sequence[FacetRequest]) -> tuple[str, ...]:
    """Return the fields to count by.

    Raises:
        InvalidArgument: There are too many, one is not known, or a limit is negative.
    """
    if len(requests) > MOST:
        raise InvalidArgument(
            f"facets: {len(requests)} are asked for, the limit is {MOST}",
            reason=Reason.TOO_MANY_ITEMS,
            field="facets",
            metadata={"limit": str(MOST), "actual": str(len(requests))},
        )
    known = (*SCALARS, *TAG_FIELDS)
    fields = []
    for place, request in enumerate(requests):
        field = ALIASES.get(request.field.lower(), request.field)
        if field not in known and not (field.startswith(META) and field != META):
            path = f"facets[{place}].field"
            raise InvalidArgument(f"{path}: {request.field!r} is none of {', '.join(known)}, {META}…", field=path)
        if request.limit < 0:
            path = f"facets[{place}].limit"
            raise InvalidArgument(f"{path}: {request.limit} is negative", field=path)
        fields.append(field)
    return tuple(fields)


def statistics(
    sql: Connection, version: Row[Any], chosen: Chosen, fields: Sequence[str], requests: Sequence[FacetRequest]
) -> FileStatistics:
    """Return how many files of the version in row `version` are chosen, and the facets in the order of the requests."""
    if chosen.selection == EVERY_FILE:
        count, size = version.file_count, version.size_bytes
    else:
        counted = select(func.count(), func.coalesce(func.sum(files.c.size_bytes), 0)).select_from(files)
        count, size = sql.execute(counted.where(chosen.of(version.key))).one()
    return FileStatistics(int(count), int(size), count_values(sql, chosen.of(version.key), fields, requests))


def count_values(
    sql: Connection, chosen: ColumnElement[bool], fields: Sequence[str], requests: Sequence[FacetRequest]
) -> tuple[Facet, ...]:
    """Return the facets of the chosen files, in the order of the requests."""
    return tuple(_facet(sql, chosen, field, request) for field, request in zip(fields, requests, strict=True))


def facet(request: FacetRequest, counts: Iterable[tuple[AttributeValue, int]]) -> Facet:
    """Return what is shown of all counts of a field: the most frequent values."""
    ordered = sorted(counts, key=lambda pair: (-pair[1], value_order(pair[0])))
    return Facet(request.field, tuple(ordered[: _limit(request)]), len(ordered))


def _limit(request: FacetRequest) -> int:
    return min(request.limit or DEFAULT_LIMIT, LARGEST_LIMIT)


def attributes_among(fields: Iterable[str]) -> frozenset[str]:
    """Return those of the fields that are attributes."""
    return frozenset(each for each in fields if each.startswith(META))


def _attribute_facet(sql: Connection, chosen: ColumnElement[bool], field: str, request: FacetRequest) -> Facet:
    rows, found = members(files.c.attributes), ValueCounts()
    counted = select(rows.c.type, rows.c.value, func.count()).select_from(files.join(rows, true()))
    mine = counted.where(chosen, rows.c.key == field.removeprefix(META)).group_by(rows.c.type, rows.c.value)
    for kind, value, count in sql.execute(mine):
        if kind in _READERS:
            found.add(_READERS[kind](value), count)
    return facet(request, found.pairs())


def _facet(sql: Connection, chosen: ColumnElement[bool], field: str, request: FacetRequest) -> Facet:
    if field.startswith(META):
        return _attribute_facet(sql, chosen, field, request)
    source: FromClause = files
    value: ColumnElement[Any] = files.c[field]
    if field in TAG_FIELDS:
        rows = elements(files.c[field])
        source, value = files.join(rows, true()), rows.c.value
    found = func.count()
    counted = select(value.label("value"), found.label("found"), func.count().over().label("distinct"))
    ordered = counted.select_from(source).where(chosen).group_by(value).order_by(found.desc(), value)
    counts = sql.execute(ordered.limit(_limit(request))).all()
    values = tuple((str(row.value), int(row.found)) for row in counts)
    return Facet(request.field, values, int(counts[0].distinct) if counts else 0)
