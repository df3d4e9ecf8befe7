"""Chooses how a filtered search runs, so that it finds min(top_k, matches) hits at any selectivity.

Few matching documents are listed by the index and scored by their stored vectors. Of many, enough are often among the
nearest of all documents; these are then the nearest that match, however filter and vectors hang together. Otherwise the
filter goes into the index. Where the index cannot take it, or brings fewer hits than there are, everything that matches
is scored. The numbers were measured (docs/filters.md).
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sensorium.filters.bitmaps import parts_of
from sensorium.filters.inexpressible import Inexpressible
from sensorium.filters.tree import EVERYTHING, Comparison, Filter, OneOf, Operator
from sensorium.search.exact_scan import Scan
from sensorium.search.filter_fields import ID
from sensorium.search.index import Keys, Nearest, VectorIndex

FEW = 100
# So many of the nearest of all are looked through for each hit that is wanted, in an index of so many vectors and more.
NEIGHBOURS = 16
MOST_NEIGHBOURS = 1024
NEIGHBOURS_FROM = 10_000
BEING_MADE = "the index is being made"
NAMED = "the store finds documents that the filter names"


class Way(StrEnum):
    """How the nearest documents are found."""

    INDEX = "index"
    FEW = "few"
    SCAN = "scan"


@dataclass(frozen=True, slots=True)
class Plan:
    """How one search runs.

    Attributes:
        way: The way.
        keys: The matching keys, when they are few.
        because: Why the index is not asked; empty otherwise.
    """

    way: Way
    keys: Keys
    because: str = ""


def plan(index: VectorIndex | None, part: Filter, wanted: int) -> Plan:
    """Return how to find the `wanted` nearest that satisfy `part`; without an index everything is scored.

    The store must be read after this, for it may know no less than the index.
    """
    none = np.empty(0, np.int64)
    if index is None:
        return Plan(Way.SCAN, none, BEING_MADE)
    if part == EVERYTHING:
        return Plan(Way.INDEX, none)
    if any(map(_names_documents, parts_of(part))):
        return Plan(Way.SCAN, none, NAMED)
    limit = max(FEW, wanted)
    try:
        keys = index.matching(part, limit + 1)
    except Inexpressible as error:
        return Plan(Way.SCAN, none, f"the index cannot take {error}")
    return Plan(Way.FEW, keys) if len(keys) <= limit else Plan(Way.INDEX, none)


def nearest(chosen: Plan, index: VectorIndex | None, scan: Scan, wanted: int) -> Nearest:
    """Return the `wanted` nearest, by the plan; of those that satisfy a filter as many as there are."""
    match chosen.way:
        case Way.FEW:
            return scan.among(list({*chosen.keys.tolist(), *scan.recent()}), wanted)
        case Way.INDEX if index is not None:
            if scan.part == EVERYTHING:
                return index.search(scan.vector, wanted)
            found = _among_neighbours(index, scan, wanted) or index.search(scan.vector, wanted, scan.part)
            return _with_recent(found, scan, wanted) if len(found.keys) == wanted else scan.all(wanted)
        case _:
            return scan.all(wanted)


def _names_documents(part: Filter) -> bool:
    """Return whether a filter says the ids of documents, which the index compares with each, and the store looks up."""
    match part:
        case OneOf(field) | Comparison(field, Operator.EQUAL):
            return field == ID
        case _:
            return False


def _among_neighbours(index: VectorIndex, scan: Scan, wanted: int) -> Nearest | None:
    """Return the `wanted` nearest that satisfy the filter, if the nearest of all hold as many."""
    depth = NEIGHBOURS * wanted
    if depth > MOST_NEIGHBOURS or index.count < NEIGHBOURS_FROM:
        return None
    found = index.search(scan.vector, depth)
    places = np.flatnonzero(np.isin(found.keys, scan.satisfying(found.keys)))[:wanted]
    return Nearest(found.keys[places], found.scores[places]) if len(places) == wanted else None


def _with_recent(found: Nearest, scan: Scan, wanted: int) -> Nearest:
    known = set(found.keys.tolist())
    recent = scan.among([key for key in scan.recent() if key not in known], wanted)
    keys, scores = np.concatenate([found.keys, recent.keys]), np.concatenate([found.scores, recent.scores])
    order = np.argsort(-scores, kind="stable")[:wanted]
    return Nearest(keys[order], scores[order])
