"""How vectors compare."""

import numpy as np
from numpy.typing import NDArray

from sensorium.model.vector import Metric


def norm(vector: NDArray[np.float32]) -> float:
    """Return the length of `vector` (shape [d]); NaN or infinity when a component is."""
    wide = vector.astype(np.float64)
    return float(np.sqrt(wide @ wide))


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `vector` (shape [d], not zero) at length 1."""
    wide = vector.astype(np.float64)
    return (wide / np.sqrt(wide @ wide)).astype(np.float32)


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each row (shape [n, d], none zero) at length 1."""
    wide = vectors.astype(np.float64)
    result: NDArray[np.float32] = (wide / np.sqrt(np.einsum("nd,nd->n", wide, wide))[:, None]).astype(np.float32)
    return result


def scores(vectors: NDArray[np.float32], query: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Return how near each row (shape [n, d]) is to `query` (shape [d]), higher for nearer; shape [n].

    COSINE expects rows of length 1. EUCLIDEAN scores are distances, negated.
    """
    match metric:
        case Metric.COSINE:
            cosine: NDArray[np.float32] = np.clip(vectors @ unit(query), -1, 1)
            return cosine
        case Metric.DOT:
            return vectors @ query
        case Metric.EUCLIDEAN:
            difference = vectors - query
            distance: NDArray[np.float32] = np.sqrt(np.einsum("nd,nd->n", difference, difference))
            return -distance


def exact_scores(vectors: NDArray[np.float32], query: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Return the scores of rows of any length (shape [n, d]) as `scores` does, but the same in any company.

    They are computed wide and row by row, so that a document's score does not depend on what else is scored.
    """
    wide, target = vectors.astype(np.float64), query.astype(np.float64)
    match metric:
        case Metric.EUCLIDEAN:
            difference = wide - target
            found = -np.sqrt(np.einsum("nd,nd->n", difference, difference))
        case Metric.DOT:
            found = np.einsum("nd,d->n", wide, target)
        case Metric.COSINE:
            lengths = np.sqrt(np.einsum("nd,nd->n", wide, wide) * (target @ target))
            found = np.clip(np.einsum("nd,d->n", wide, target) / lengths, -1, 1)
    exact: NDArray[np.float32] = found.astype(np.float32)
    return exact
