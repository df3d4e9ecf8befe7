"""Counts the values of fields over the files that are meant."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, func, select, true

from sensorium.dataset.file_fields import TAG_FIELDS
from sensorium.dataset.selecting import Chosen
from sensorium.dataset.tables import files
from sensorium.errors import InvalidArgument, Reason
from sensorium.filters.sql import elements
from sensorium.model.dataset_file import EVERY_FILE, FileStatistics
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
        if field not in known:
            path = f"facets[{place}].field"
            raise InvalidArgument(f"{path}: {request.field!r} is none of {', '.join(known)}", field=path)
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


def facet(request: FacetRequest, counts: Iterable[tuple[str, int]]) -> Facet:
    """Return what is shown of all counts of a field: the most frequent values."""
    ordered = sorted(counts, key=lambda pair: (-pair[1], pair[0]))
    return Facet(request.field, tuple(ordered[: _limit(request)]), len(ordered))


def _limit(request: FacetRequest) -> int:
    return min(request.limit or DEFAULT_LIMIT, LARGEST_LIMIT)


def _facet(sql: Connection, chosen: ColumnElement[bool], field: str, request: FacetRequest) -> Facet:
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
