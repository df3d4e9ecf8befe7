"""A vector index that compares with every vector: the reference for others, and enough for small collections."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium.filters.python import Record, holds
from sensorium.filters.tree import EVERYTHING, Filter, fields_in
from sensorium.model.vector import Metric
from sensorium.search.filter_fields import fields_of, undeclared
from sensorium.search.geometry import scores, unit_rows
from sensorium.search.index import Keys, Nearest, Vectors, VectorSpace


class ExactIndex:
    """Vectors in memory, in one matrix whose first `count` rows are taken."""

    def __init__(self, space: VectorSpace) -> None:
        self._metric = space.metric
        self._fields = {field.key for field in fields_of(space.attributes)}
        self._rows: dict[int, int] = {}
        self._keys = np.empty(0, np.int64)
        self._vectors = np.empty((0, space.dimension), np.float32)
        self._records: dict[int, Record] = {}
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How many keys it holds."""
        return len(self._rows)

    @property
    def pending(self) -> int:
        """None: nothing spares them the scan."""
        return 0

    @property
    def applied_seq(self) -> int:
        """Nothing is on disk."""
        return 0

    def upsert(self, keys: Keys, vectors: Vectors, records: Sequence[Record]) -> None:
        """Hold `vectors` and `records` under `keys`."""
        prepared = unit_rows(vectors) if self._metric is Metric.COSINE else vectors
        with self._lock:
            self._grow(len(self._rows) + len(keys))
            self._records |= dict(zip(keys.tolist(), records, strict=True))
            for key, vector in zip(keys.tolist(), prepared, strict=True):
                row = self._rows.setdefault(key, len(self._rows))
                self._keys[row] = key
                self._vectors[row] = vector

    def delete(self, keys: Keys) -> None:
        """Drop `keys`; the last row moves into each gap."""
        with self._lock:
            for key in keys.tolist():
                row = self._rows.pop(key, None)
                self._records.pop(key, None)
                last = len(self._rows)
                if row is None or row == last:
                    continue
                self._keys[row] = self._keys[last]
                self._vectors[row] = self._vectors[last]
                self._rows[int(self._keys[row])] = row

    def search(self, query: NDArray[np.float32], top_k: int, part: Filter = EVERYTHING) -> Nearest:
        """Return the nearest to `query` of those that satisfy `part`, all of them up to `top_k`."""
        with self._lock:
            rows = self._satisfying(part)
            found = scores(self._vectors[rows], query, self._metric)
            order = np.argsort(-found, kind="stable")[:top_k]
            return Nearest(self._keys[rows][order], found[order])

    def matching(self, part: Filter, limit: int) -> Keys:
        """Return the keys that satisfy `part`, up to `limit`."""
        with self._lock:
            return self._keys[self._satisfying(part)[:limit]]

    def optimise(self) -> None:
        """Nothing is to be done."""

    def flush(self, applied_seq: int) -> None:
        """Nothing is on disk."""

    def close(self) -> None:
        """Nothing is held."""

    def _satisfying(self, part: Filter) -> NDArray[np.int64]:
        rows = np.arange(self.count)
        if part == EVERYTHING:
            return rows
        for field in fields_in(part):
            if field.key not in self._fields:
                raise undeclared(field)
        return rows[[holds(part, self._records[key]) for key in self._keys[: self.count].tolist()]]

    def _grow(self, rows: int) -> None:
        if rows > len(self._keys):
            capacity = max(rows, 2 * len(self._keys), 64)
            self._keys = np.resize(self._keys, capacity)
            self._vectors = np.resize(self._vectors, (capacity, self._vectors.shape[1]))


class ExactIndexes:
    """Opens exact indexes, always empty."""

    def open(self, space: VectorSpace) -> ExactIndex:
        """Return an empty index."""
        return ExactIndex(space)

    def discard(self, uid: str) -> None:
        """Nothing is on disk."""

    def retain(self, uids: set[str]) -> None:
        """Nothing is on disk."""
