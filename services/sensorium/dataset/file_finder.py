"""Finds and counts the files that are meant: by bitmaps where they can answer, by the catalog where they cannot."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap
from sqlalchemy import ColumnElement, Connection, Row, select, true

from sensorium.dataset import file_facets
from sensorium.dataset.bitmaps.library import BitmapLibrary
from sensorium.dataset.bitmaps.page_plan import Keys, page_plan
from sensorium.dataset.bitmaps.positions import bitmap_of, positions_in
from sensorium.dataset.bitmaps.version_bitmaps import VersionBitmaps
from sensorium.dataset.file_fields import FileColumns, attributes_in
from sensorium.dataset.file_order import FilePlace, Span, behind, ordered
from sensorium.dataset.selecting import Chosen
from sensorium.dataset.tables import DELETED, files
from sensorium.filters.bitmaps import divided, matching, parts_of
from sensorium.filters.sql import condition
from sensorium.filters.tree import EVERYTHING, All, AnyOf, Negation
from sensorium.model.dataset_file import BY_URI, EVERY_FILE, FileStatistics, SortBy
from sensorium.model.search import FacetRequest

# So many files are looked at one by one; for more the catalog reads all of the version.
LOOKED_AT = 50_000
_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Found:
    """The positions of files, and what the bitmaps could not answer: what else they must satisfy, or None."""

    positions: BitMap
    keys: NDArray[np.int64]
    rest: ColumnElement[bool] | None


class FileFinder:
    """Answers from one snapshot of the catalog.

    Args:
        library: Lends the bitmaps of versions.
    """

    def __init__(self, library: BitmapLibrary) -> None:
        self._library = library

    def forget(self, version: int) -> None:
        """Let go of what is kept of the version in row `version`, which is deleted."""
        self._library.forget(version)

    def statistics(
        self, sql: Connection, version: Row[Any], chosen: Chosen, requests: Sequence[FacetRequest] = ()
    ) -> FileStatistics:
        """Count the chosen files of the version in row `version`, and their values.

        Raises:
            InvalidArgument: A facet is wrong.
        """
        fields = file_facets.check(requests)
        if chosen.selection == EVERY_FILE and not requests:
            return FileStatistics(version.file_count, version.size_bytes)
        named = attributes_in(chosen.part) | file_facets.attributes_among(fields)
        found = self._found(sql, version, chosen, named)
        if found is not None:
            resolved = _resolved(sql, version.key, found)
            with self._library.lent(sql, version, named) as bitmaps:
                counted = None if bitmaps is None else _counted(bitmaps, resolved, fields, requests)
            if counted is not None:
                return counted
        return file_facets.statistics(sql, version, chosen, fields, requests)

    def page(self, sql: Connection, version: Row[Any], chosen: Chosen, span: Span) -> list[Row[Any]]:
        """Return the chosen files of the version in row `version` that are in a span."""
        return self._page(sql, version, chosen, span, (files,))

    def uris(self, sql: Connection, version: Row[Any], chosen: Chosen, after: str, size: int) -> tuple[list[str], str]:
        """Return the URIs of about `size` chosen files behind the URI `after`, and where the next begin behind.

        The latter is empty when there are no more.
        """
        if chosen.selection == EVERY_FILE:
            return _every_uri(sql, version.key, after, size)
        span = Span(BY_URI, FilePlace(after) if after else None, size + 1)
        found = [row.uri for row in self._page(sql, version, chosen, span, (files.c.key, files.c.uri))]
        return found[:size], found[size - 1] if len(found) > size else ""

    def _page(
        self, sql: Connection, version: Row[Any], chosen: Chosen, span: Span, columns: Sequence[Any]
    ) -> list[Row[Any]]:
        if chosen.selection.ids:  # Asked for their order as well, SQLite would walk over all files in that order.
            named = sql.execute(select(files.c.key).where(chosen.of(version.key))).scalars().all()
            return _rows(sql, _listed(sql, [named], span, None), span, columns)
        found = self._found(sql, version, chosen, attributes_in(chosen.part))
        # What must be looked for among many is found sooner by an index of the catalog, or in one walk over it.
        few = found is not None and (found.rest is None or len(found.positions) <= LOOKED_AT)
        groups = self._plan(sql, version, found, span) if found and few else None
        if found is None or groups is None:
            wanted = select(*columns).where(chosen.of(version.key), behind(span))
            return list(sql.execute(wanted.order_by(*ordered(span.order)).limit(span.limit)).all())
        rest = found.rest if span.order.by is SortBy.URI else None
        return _rows(sql, _listed(sql, groups, span, rest), span, columns)

    def _found(self, sql: Connection, version: Row[Any], chosen: Chosen, attributes: Collection[str]) -> Found | None:
        """Return what the bitmaps, with columns of some attributes, say of the chosen files.

        None when they cannot be asked.
        """
        if chosen.selection.ids:  # The catalog has an index of them.
            return None
        with self._library.lent(sql, version, attributes) as bitmaps:
            if bitmaps is None:
                return None
            answered, rest = divided(chosen.part, bitmaps.covers)
            positions = bitmaps.with_status(chosen.selection.status)
            if answered != EVERYTHING:
                positions &= matching(answered, bitmaps)
            for part in parts_of(rest):
                match part:
                    case All() | AnyOf() | Negation():
                        continue
                    case term:
                        positions &= bitmaps.among(term)
            return Found(positions, bitmaps.keys, None if rest == EVERYTHING else condition(rest, FileColumns()))

    def _plan(self, sql: Connection, version: Row[Any], found: Found, span: Span) -> Iterator[Keys] | None:
        # By URI a page has soon enough files; another order begins with the least of all.
        positions = found.positions if span.order.by is SortBy.URI else _resolved(sql, version.key, found)
        wide = span if found.rest is None else replace(span, limit=max(span.limit, _AT_ONCE))
        with self._library.lent(sql, version) as bitmaps:
            return None if bitmaps is None else page_plan(bitmaps, positions, wide)


def _every_uri(sql: Connection, version: int, after: str, size: int) -> tuple[list[str], str]:
    """Return URIs as `FileFinder.uris` does: two indexes have all that is asked for, so no file's row is read."""
    behind_it = (files.c.version == version) & (files.c.uri > after)
    found = list(sql.execute(select(files.c.uri).where(behind_it).order_by(files.c.uri).limit(size)).scalars())
    if not found:
        return [], ""
    gone = set(sql.execute(select(files.c.uri).where(behind_it, files.c.uri <= found[-1], DELETED)).scalars())
    return [uri for uri in found if uri not in gone], found[-1] if len(found) == size else ""


def _listed(sql: Connection, groups: Iterable[Keys], span: Span, rest: ColumnElement[bool] | None) -> Iterator[int]:
    """Yield the keys of files behind the place of a span that satisfy the rest, group by group in order."""
    for keys in groups:
        mine = files.c.key.in_(keys) & behind(span) & (true() if rest is None else rest)
        listed = select(files.c.key).where(mine).order_by(*ordered(span.order)).limit(span.limit)
        yield from sql.execute(listed).scalars().all()


def _rows(sql: Connection, listed: Iterable[int], span: Span, columns: Sequence[Any]) -> list[Row[Any]]:
    """Return columns, one of which is the key, of the first files that are listed, as many as a span has."""
    keys = list(islice(listed, span.limit))
    rows = {row.key: row for row in sql.execute(select(*columns).where(files.c.key.in_(keys)))}
    return [rows[key] for key in keys]


def _resolved(sql: Connection, version: int, found: Found) -> BitMap:
    """Return the positions of the files that satisfy the rest too."""
    if found.rest is None:
        return found.positions
    if len(found.positions) > LOOKED_AT:
        satisfying = sql.execute(select(files.c.key).where(files.c.version == version, found.rest)).scalars().all()
        return found.positions & bitmap_of(np.searchsorted(found.keys, satisfying))
    keys = found.keys[positions_in(found.positions)].tolist()
    kept: list[int] = []
    for start in range(0, len(keys), _AT_ONCE):
        mine = files.c.key.in_(keys[start : start + _AT_ONCE])
        kept += sql.execute(select(files.c.key).where(mine, found.rest)).scalars().all()
    return bitmap_of(np.searchsorted(found.keys, kept))


def _counted(
    bitmaps: VersionBitmaps, found: BitMap, fields: Sequence[str], requests: Sequence[FacetRequest]
) -> FileStatistics | None:
    """Return what is asked of the files at some positions; None when the catalog must answer."""
    facets = []
    for field, request in zip(fields, requests, strict=True):
        counts = bitmaps.counts(field, found)
        if counts is None:
            return None
        facets.append(file_facets.facet(request, counts))
    return FileStatistics(len(found), bitmaps.size_of(found), tuple(facets))
