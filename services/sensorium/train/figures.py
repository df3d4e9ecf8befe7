"""The figures by which towers are judged, from vectors of length 1 alone."""

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def top_k(vectors: Vectors, classes: Vectors, labels: Labels, k: int) -> float:
    """Return the share of vectors whose own class is among the `k` likest of all classes."""
    similarities = vectors @ classes.T
    own = similarities[np.arange(len(labels)), labels]
    return float(((similarities > own[:, None]).sum(axis=1) < k).mean())


def precision_at(vectors: Vectors, classes: Vectors, labels: Labels, k: int) -> float:
    """Return the share of the `k` vectors likest to each class that are of it, as the mean over the classes."""
    nearest = np.argsort(-(classes @ vectors.T), axis=1, kind="stable")[:, :k]
    return float((labels[nearest] == np.arange(len(classes))[:, None]).mean())


def recall_at(queries: Vectors, vectors: Vectors, own: Labels, k: int) -> float:
    """Return the share of queries whose own vector, `own` [queries], is among the `k` likest."""
    return top_k(queries, vectors, own, k)
