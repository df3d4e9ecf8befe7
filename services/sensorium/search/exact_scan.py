"""Scores documents by their stored vectors: exact for any filter, at the price of reading each vector."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Select, select

from sensorium.filters.tree import Filter
from sensorium.model.vector import FLOAT32_LE
from sensorium.search.collections import StoredCollection
from sensorium.search.geometry import exact_scores
from sensorium.search.index import Nearest
from sensorium.search.matches import alike, satisfying
from sensorium.search.tables import dense_vectors, documents, tombstones

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan of one collection for the documents that satisfy a filter.

    Attributes:
        connection: Where the store is read.
        stored: The collection.
        part: The filter.
        vector: What is searched for, shape [dimension].
    """

    connection: Connection
    stored: StoredCollection
    part: Filter
    vector: NDArray[np.float32]

    def all(self, top_k: int) -> Nearest:
        """Return the `top_k` nearest of all that satisfy the filter."""
        rows = self.connection.execution_options(yield_per=CHUNK).execute(self.statement())
        return self._best((list(part) for part in rows.partitions()), top_k)

    def among(self, keys: Sequence[int], top_k: int) -> Nearest:
        """Return the `top_k` nearest of those that have these keys, or had them until now."""
        return self._best(self._listed(keys), top_k)

    def statement(self, *columns: ColumnElement[Any]) -> Select[tuple[Any, ...]]:
        """Select key, components and `columns` of all that satisfy the filter."""
        return self._columns(*columns).where(satisfying(self.stored, self.part))

    def scored(self, components: Sequence[bytes]) -> NDArray[np.float32]:
        """Return the scores of stored vectors; shape [n]."""
        rows = np.frombuffer(b"".join(components), FLOAT32_LE).reshape(len(components), len(self.vector))
        return exact_scores(rows, self.vector, self.stored.collection.metric)

    def _listed(self, keys: Sequence[int]) -> Iterator[list[Any]]:
        found: set[int] = set()
        for start in range(0, len(keys), CHUNK):
            rows = self._execute(documents.c.key.in_(keys[start : start + CHUNK]))
            found |= {row.key for row in rows}
            yield rows
        # What an upsert replaced since the index was asked has another key now.
        gone = [key for key in keys if key not in found]
        for start in range(0, len(gone), CHUNK):
            yield [row for row in self._execute(_heir_of(gone[start : start + CHUNK])) if row.key not in found]

    def _columns(self, *columns: ColumnElement[Any]) -> Select[tuple[Any, ...]]:
        return select(documents.c.key, dense_vectors.c.components, *columns).join_from(documents, dense_vectors)

    def _execute(self, chosen: ColumnElement[bool]) -> list[Any]:
        return list(self.connection.execute(self._columns().where(chosen, alike(self.part))))

    def _best(self, chunks: Iterator[list[Any]], top_k: int) -> Nearest:
        best = Nearest(np.empty(0, np.int64), np.empty(0, np.float32))
        for rows in chunks:
            if rows:
                scores = self.scored([row.components for row in rows])
                best = _merged(best, np.array([row.key for row in rows], np.int64), scores, top_k)
        return best


def _heir_of(keys: Sequence[int]) -> ColumnElement[bool]:
    dead = select(tombstones.c.id).where(tombstones.c.key.in_(keys), tombstones.c.collection == documents.c.collection)
    return documents.c.id.in_(dead)


def _merged(best: Nearest, keys: NDArray[np.int64], scores: NDArray[np.float32], top_k: int) -> Nearest:
    all_keys, all_scores = np.concatenate([best.keys, keys]), np.concatenate([best.scores, scores])
    order = np.lexsort((all_keys, -all_scores))[:top_k]
    return Nearest(all_keys[order], all_scores[order])
