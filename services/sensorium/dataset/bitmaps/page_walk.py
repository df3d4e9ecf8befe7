"""Takes the steps to a page of files, in the catalog."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, select, true

from sensorium.dataset.bitmaps.loading import within_stretch
from sensorium.dataset.bitmaps.page_plan import Few, Step, Walk
from sensorium.dataset.bitmaps.uri_blocks import joined
from sensorium.dataset.file_order import Span, behind, ordered
from sensorium.dataset.tables import files


class PageWalk:
    """Finds the keys of the files of one page.

    Args:
        sql: A snapshot of the catalog.
        version: The row of the version.
        keys: The keys of its files by position.
        rest: What else the files must satisfy, or None.
    """

    def __init__(
        self, sql: Connection, version: int, keys: NDArray[np.int64], rest: ColumnElement[bool] | None
    ) -> None:
        self._sql = sql
        self._version = version
        self._keys = keys
        self._rest = rest

    def first(self, steps: Sequence[Step], span: Span) -> list[int]:
        """Return the keys of the files of a span, in order."""
        return list(islice(chain.from_iterable(self._take(each, span) for each in steps), span.limit))

    def _take(self, step: Step, span: Span) -> Iterator[int]:
        match step:
            case Few(keys):
                mine = files.c.key.in_(keys) & behind(span) & (true() if self._rest is None else self._rest)
                wanted = select(files.c.key).where(mine).order_by(*ordered(span.order)).limit(span.limit)
                yield from self._sql.execute(wanted).scalars()
            case Walk():
                yield from self._walk(step, span.limit, descending=span.order.descending)

    def _walk(self, walk: Walk, limit: int, *, descending: bool) -> Iterator[int]:
        uri = files.c.uri
        for stretch in joined(walk.stretches, limit):
            within = within_stretch(self._version, stretch)
            if walk.beyond is not None:
                within &= uri < walk.beyond if descending else uri > walk.beyond
            listed = self._sql.execute(
                select(files.c.key).where(within).order_by(uri.desc() if descending else uri)
            ).scalars().all()  # fmt: skip
            positions = np.searchsorted(self._keys, listed).tolist()
            yield from self._kept([key for key, at in zip(listed, positions, strict=True) if at in walk.found])

    def _kept(self, keys: list[int]) -> list[int]:
        if self._rest is None or not keys:
            return keys
        mine = select(files.c.key).where(files.c.key.in_(keys), self._rest)
        kept = set(self._sql.execute(mine).scalars())
        return [key for key in keys if key in kept]
