"""The port to a vector index: what may be lost at any time, for the store can make it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.filters.python import Record
from sensorium.filters.tree import EVERYTHING, Filter
from sensorium.model.collection import AttributeField
from sensorium.model.vector import Metric

Keys = NDArray[np.int64]
Vectors = NDArray[np.float32]


class IndexUnusable(Exception):
    """An index failed or its files are not what they should be; the store makes a new one."""


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """What an index is for: the collection's uid, how its vectors compare, and what filters may name."""

    uid: str
    dimension: int
    metric: Metric
    attributes: tuple[AttributeField, ...] = ()


@dataclass(frozen=True, slots=True)
class Nearest:
    """Keys and their scores, nearest first; shapes [n], int64 and float32. Higher is nearer for every metric."""

    keys: Keys
    scores: NDArray[np.float32]


class VectorIndex(Protocol):
    """The vectors of one collection by key. Searches and one writer may run at once, in any threads.

    Every method may raise IndexUnusable.
    """

    @property
    def count(self) -> int:
        """How many keys it holds."""
        ...

    @property
    def pending(self) -> int:
        """How many of them searches find by a scan, which an `optimise` spares them."""
        ...

    @property
    def applied_seq(self) -> int:
        """The sequence number up to which its files hold every change, whatever happens to the process."""
        ...

    def upsert(self, keys: Keys, vectors: Vectors, records: Sequence[Record]) -> None:
        """Hold `vectors` (shape [n, dimension], finite) and what filters need under `keys`.

        A key that it has keeps what it has.
        """
        ...

    def delete(self, keys: Keys) -> None:
        """Drop `keys`; those that it does not have are passed over."""
        ...

    def search(self, query: NDArray[np.float32], top_k: int, part: Filter = EVERYTHING) -> Nearest:
        """Return the nearest to `query` (shape [dimension]) of those that satisfy `part`.

        Without a filter they are min(top_k, count). With one they may be fewer than there are.

        Raises:
            Inexpressible: The engine cannot take the filter.
        """
        ...

    def matching(self, part: Filter, limit: int) -> Keys:
        """Return the keys that satisfy `part`: all of them, or `limit` when there are so many; in any order.

        Raises:
            Inexpressible: The engine cannot take the filter.
        """
        ...

    def optimise(self) -> None:
        """Make searches faster; takes long, and other calls go on meanwhile."""
        ...

    def flush(self, applied_seq: int) -> None:
        """Bring all to disk and take `applied_seq` over, unless the index is being optimised."""
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


class Indexes(Protocol):
    """Opens the indexes of collections."""

    def open(self, space: VectorSpace) -> VectorIndex:
        """Return the index of `space`, an empty one when there is none that can be used."""
        ...

    def discard(self, uid: str) -> None:
        """Remove the files of the index of collection `uid`, which is not open."""
        ...

    def retain(self, uids: set[str]) -> None:
        """Remove the files of all indexes but these."""
        ...
