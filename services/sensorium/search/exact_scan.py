"""Scores documents by their stored vectors: exact for any filter, at the price of reading each vector."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, Select, select

from sensorium.filters.tree import Filter
from sensorium.model.vector import FLOAT32_LE
from sensorium.search.collections import StoredCollection
from sensorium.search.geometry import exact_scores
from sensorium.search.index import Nearest
from sensorium.search.matches import alike, satisfying
from sensorium.search.tables import dense_vectors, documents

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan of one collection for the documents that satisfy a filter.

    Attributes:
        connection: Where the store is read.
        stored: The collection.
        part: The filter.
        vector: What is searched for, shape [dimension].
        applied_seq: The index held every change up to this sequence number before it was asked anything.
    """

    connection: Connection
    stored: StoredCollection
    part: Filter
    vector: NDArray[np.float32]
    applied_seq: int

    def all(self, top_k: int) -> Nearest:
        """Return the `top_k` nearest of all that satisfy the filter."""
        return self._best((list(part) for part in self.partitions(self.statement())), top_k)

    def among(self, keys: Sequence[int], top_k: int) -> Nearest:
        """Return the `top_k` nearest of those that have these keys and satisfy the filter."""
        chunks = (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))
        return self._best((self._listed(chunk) for chunk in chunks), top_k)

    def satisfying(self, keys: NDArray[np.int64]) -> list[int]:
        """Return those of `keys` that are valid and satisfy the filter."""
        chosen = select(documents.c.key).where(documents.c.key.in_(keys.tolist()), alike(self.part))
        return list(self.connection.execute(chosen).scalars())

    def recent(self) -> list[int]:
        """Return the keys that satisfy the filter and that the index may not have shown.

        An index that changes while it evaluates a filter may show neither the old key of a document nor the new one.
        What it held before it was asked, and is valid still, it shows: it was not touched meanwhile.
        """
        unsure = satisfying(self.stored, self.part) & (documents.c.seq > self.applied_seq)
        return list(self.connection.execute(select(documents.c.key).where(unsure)).scalars())

    def partitions(self, statement: Select[tuple[Any, ...]]) -> Iterator[Sequence[Row[tuple[Any, ...]]]]:
        """Yield the rows of a statement piece by piece, so that memory stays flat."""
        return self.connection.execute(statement, execution_options={"yield_per": CHUNK}).partitions()

    def statement(self, *columns: ColumnElement[Any]) -> Select[tuple[Any, ...]]:
        """Select key, components and `columns` of all that satisfy the filter."""
        return self._columns(*columns).where(satisfying(self.stored, self.part))

    def scored(self, components: Sequence[bytes]) -> NDArray[np.float32]:
        """Return the scores of stored vectors; shape [n]."""
        rows = np.frombuffer(b"".join(components), FLOAT32_LE).reshape(len(components), len(self.vector))
        return exact_scores(rows, self.vector, self.stored.collection.metric)

    def _listed(self, keys: Sequence[int]) -> list[Any]:
        return list(self.connection.execute(self._columns().where(documents.c.key.in_(keys), alike(self.part))))

    def _columns(self, *columns: ColumnElement[Any]) -> Select[tuple[Any, ...]]:
        return select(documents.c.key, dense_vectors.c.components, *columns).join_from(documents, dense_vectors)

    def _best(self, chunks: Iterator[list[Any]], top_k: int) -> Nearest:
        best = Nearest(np.empty(0, np.int64), np.empty(0, np.float32))
        for rows in chunks:
            if rows:
                scores = self.scored([row.components for row in rows])
                best = _merged(best, np.array([row.key for row in rows], np.int64), scores, top_k)
        return best


def _merged(best: Nearest, keys: NDArray[np.int64], scores: NDArray[np.float32], top_k: int) -> Nearest:
    all_keys, all_scores = np.concatenate([best.keys, keys]), np.concatenate([best.scores, scores])
    order = np.lexsort((all_keys, -all_scores))[:top_k]
    return Nearest(all_keys[order], all_scores[order])
