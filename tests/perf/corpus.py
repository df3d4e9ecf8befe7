"""Made-up vectors with attributes that do and do not go with them, and what an exact scan finds among them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

CLUSTERS = 200
TOP_K = 10
_SPREAD = 0.8
_CHUNK = 100_000
Matrix = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Corpus:
    """Unit vectors around random centres.

    Attributes:
        vectors: Shape [count, dimension].
        queries: Shape [searches, dimension], from around the same centres.
        cluster: The centre of each vector, shape [count].
        share: Each vector's place in a random order, from 0 to 1, shape [count].
    """

    def __init__(self, count: int, dimension: int, searches: int = 100) -> None:
        rng = np.random.default_rng(7)
        self._centres = rng.standard_normal((CLUSTERS, dimension), np.float32)
        self.cluster = rng.integers(0, CLUSTERS, count)
        self.share = rng.permutation(count) / count
        self.vectors: Matrix = np.empty((count, dimension), np.float32)
        for start in range(0, count, _CHUNK):
            part = slice(start, start + _CHUNK)
            self.vectors[part] = self._around(self.cluster[part], rng)
        self.queries = self._around(rng.integers(0, CLUSTERS, searches), rng)

    def __len__(self) -> int:
        return len(self.vectors)

    def masks(self) -> Mapping[str, Mask]:
        """Return filters with what they let through: shares of any size, some of which go with the vectors."""
        share, cluster, colour = self.share, self.cluster, np.arange(len(self)) % 7
        return {
            "": share >= 0,
            "share < 0.0001": share < 0.0001,
            "share < 0.01": share < 0.01,
            "share < 0.1": share < 0.1,
            "share < 0.5": share < 0.5,
            "cluster < 2": cluster < 2,
            "cluster < 20": cluster < 20,
            "NOT cluster < 100": cluster >= 100,
            "colour:'colour 3' AND share < 0.5": (colour == 3) & (share < 0.5),
        }

    def best(self, mask: Mask) -> list[set[int]]:
        """Return for each query the rows of the exact top hits among `mask`."""
        rows = np.flatnonzero(mask)
        scores = np.empty((len(self.queries), len(rows)), np.float32)
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            scores[:, part] = self.queries @ self.vectors[rows[part]].T
        top = np.argpartition(-scores, min(TOP_K, len(rows) - 1), axis=1)[:, :TOP_K]
        return [set(rows[each].tolist()) for each in top]

    def _around(self, clusters: NDArray[np.int64], rng: np.random.Generator) -> Matrix:
        noise = rng.standard_normal((len(clusters), self._centres.shape[1]), np.float32)
        points = self._centres[clusters] + np.float32(_SPREAD) * noise
        units: Matrix = points / np.linalg.norm(points, axis=1, keepdims=True)
        return units
