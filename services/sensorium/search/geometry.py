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
