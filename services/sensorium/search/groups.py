"""Groups the nearest documents by an attribute: the nearest groups, and the nearest documents of each."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from sensorium.errors import InvalidArgument
from sensorium.filters.fields import Field
from sensorium.model.collection import AttributeType, Collection
from sensorium.model.search import GroupBy
from sensorium.search.exact_scan import CHUNK, Scan
from sensorium.search.facets import declared
from sensorium.search.filter_columns import DocumentColumns
from sensorium.search.index import Nearest
from sensorium.search.tables import documents

LARGEST_GROUP = 100
Scored = tuple[int, float]
Grouped = dict[Any, list[Scored]]


def check_group(group_by: GroupBy, top_k: int, page_size: int, page_token: str, largest: int) -> None:
    """Refuse groups that no collection has.

    Raises:
        InvalidArgument: The size of a group is out of range, or there are too many groups, or pages are asked for.
    """
    if not 0 <= group_by.group_size <= LARGEST_GROUP:
        field = "group_by.group_size"
        raise InvalidArgument(f"{field}: {group_by.group_size} is not between 0 and {LARGEST_GROUP}", field=field)
    if top_k > largest:
        raise InvalidArgument(f"top_k: {top_k} groups are more than the limit of {largest}", field="top_k")
    if page_token or (page_size and page_size < top_k):
        raise InvalidArgument("page_size: groups come in one page of top_k", field="page_size")


def group_field(group_by: GroupBy, collection: Collection) -> Field:
    """Return the attribute to group by.

    Raises:
        InvalidArgument: It is not declared, or a list.
    """
    field = declared(group_by.field, collection, "group_by.field", tags=False)
    if field.type is AttributeType.STRING_LIST:
        raise InvalidArgument(f"group_by.field: {field.name} is a list", field="group_by.field")
    return field


class Grouping:
    """Finds the groups of one search.

    Args:
        scan: Reads and scores what matches.
        field: The attribute.
        groups: How many groups.
        size: How many hits of each.
    """

    def __init__(self, scan: Scan, field: Field, groups: int, size: int) -> None:
        self._scan = scan
        self._value = DocumentColumns().scalar(field).label("value")
        self._groups = groups
        self._size = size

    def of(self, found: Nearest, wanted: int) -> Grouped | None:
        """Return the groups that the `wanted` nearest documents make; None when there may be more than these show."""
        by_key: dict[int, Any] = {}
        keys = found.keys.tolist()
        for start in range(0, len(keys), CHUNK):
            chosen = select(documents.c.key, self._value).where(documents.c.key.in_(keys[start : start + CHUNK]))
            by_key |= {row.key: row.value for row in self._scan.connection.execute(chosen)}
        if len(by_key) < len(keys):
            return None
        grouped = self._collected((by_key[key], key, score) for key, score in _pairs(found))
        full = len(grouped) == self._groups and all(len(hits) == self._size for hits in grouped.values())
        return grouped if full or len(keys) < wanted else None

    def of_all(self) -> Grouped:
        """Return the groups of everything that matches."""
        best: Grouped = {}
        for part in self._scan.partitions(self._scan.statement(self._value)):
            scores = self._scan.scored([row.components for row in part]).tolist()
            for row, score in zip(part, scores, strict=True):
                best.setdefault(row.value, []).append((row.key, score))
            best = {value: sorted(hits, key=_order)[: self._size] for value, hits in best.items()}
        nearest = sorted(best.items(), key=lambda group: _order(group[1][0]))
        return dict(nearest[: self._groups])

    def _collected(self, hits: Iterable[tuple[Any, int, float]]) -> Grouped:
        grouped: Grouped = {}
        for value, key, score in hits:
            if value in grouped or len(grouped) < self._groups:
                grouped.setdefault(value, []).append((key, score))
        return {value: found[: self._size] for value, found in grouped.items()}


def _pairs(found: Nearest) -> Iterable[Scored]:
    return zip(found.keys.tolist(), found.scores.tolist(), strict=True)


def _order(hit: Scored) -> tuple[float, int]:
    return -hit[1], hit[0]
