"""Counts the values of a field over all documents that satisfy a filter."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, FromClause, Select, func, select, true

from sensorium.errors import InvalidArgument, Reason
from sensorium.filters.fields import Field
from sensorium.filters.json_rows import elements
from sensorium.filters.tree import Filter
from sensorium.model.collection import AttributeType, Collection
from sensorium.model.document import AttributeValue
from sensorium.model.search import Facet, FacetRequest
from sensorium.search.collections import StoredCollection
from sensorium.search.filter_columns import DocumentColumns
from sensorium.search.filter_fields import TAGS, attribute_of, fields_of
from sensorium.search.matches import satisfying
from sensorium.search.tables import documents
from sensorium.storage.moments import from_micros

MOST = 16
DEFAULT_LIMIT = 20
LARGEST_LIMIT = 1000

_READERS: Mapping[AttributeType | None, Callable[[Any], AttributeValue]] = {
    AttributeType.BOOL: bool,
    AttributeType.TIME: from_micros,
}


def check_facets(requests: Sequence[FacetRequest]) -> None:
    """Refuse facets that no collection has.

    Raises:
        InvalidArgument: There are too many, or a limit is negative.
    """
    if len(requests) > MOST:
        raise InvalidArgument(
            f"facets: {len(requests)} are asked for, the limit is {MOST}",
            reason=Reason.TOO_MANY_ITEMS,
            field="facets",
            metadata={"limit": str(MOST), "actual": str(len(requests))},
        )
    for place, request in enumerate(requests):
        if request.limit < 0:
            field = f"facets[{place}].limit"
            raise InvalidArgument(f"{field}: {request.limit} is negative", field=field)


def declared(name: str, collection: Collection, path: str, *, tags: bool) -> Field:
    """Return the declared attribute called `name`, or the tags when they are allowed.

    Raises:
        InvalidArgument: It is neither; names `path`.
    """
    known = fields_of(collection.attributes)
    field = known.get(name)
    if field and (attribute_of(field) or (tags and field == TAGS)):
        return field
    names = [each.name for each in known if attribute_of(each) or (tags and each == TAGS)]
    raise InvalidArgument(f"{path}: {name!r} is none of {', '.join(names) or 'the declared attributes'}", field=path)


def value_of(field: Field, stored: Any) -> AttributeValue:
    """Return the value that a column of `field` holds."""
    read = _READERS.get(field.type)
    plain: AttributeValue = stored
    return read(stored) if read else plain


def count_values(
    connection: Connection, stored: StoredCollection, part: Filter, requests: Sequence[FacetRequest]
) -> tuple[Facet, ...]:
    """Return the facets, in the order of the requests.

    Raises:
        InvalidArgument: A field is not declared.
    """
    fields = [
        declared(request.field, stored.collection, f"facets[{place}].field", tags=True)
        for place, request in enumerate(requests)
    ]
    return tuple(
        _facet(connection, stored, part, field, request) for field, request in zip(fields, requests, strict=True)
    )


def _facet(
    connection: Connection, stored: StoredCollection, part: Filter, field: Field, request: FacetRequest
) -> Facet:
    limit = min(request.limit or DEFAULT_LIMIT, LARGEST_LIMIT)
    rows = connection.execute(_counted(field).where(satisfying(stored, part)).limit(limit)).all()
    counts = tuple((value_of(field, row.value), int(row.found)) for row in rows)
    return Facet(request.field, counts, int(rows[0].distinct) if rows else 0)


def _counted(field: Field) -> Select[tuple[Any, ...]]:
    """Select each value with its count, most frequent first, then by value, and how many values there are."""
    columns = DocumentColumns()
    source: FromClause = documents
    rows = elements(columns.texts(field)) if field.type is AttributeType.STRING_LIST else None
    if rows is not None:
        source = documents.join(rows, true())
    value = rows.c.value if rows is not None else columns.scalar(field)
    found = func.count()
    chosen = select(value.label("value"), found.label("found"), func.count().over().label("distinct"))
    return chosen.select_from(source).where(value.is_not(None)).group_by(value).order_by(found.desc(), value)
