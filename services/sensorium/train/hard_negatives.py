"""Finds, for each caption, captions of other photos that read nearly the same."""

import numpy as np
import numpy.typing as npt

# Closer than this, two captions say the same: telling their photos apart would teach what is wrong.
SAME = 0.85


def likest_of_others(
    vectors: npt.NDArray[np.float32], owners: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.int64]:
    """Return [captions, count]: for each caption the likest captions of other owners, the likest first.

    Args:
        vectors: float32 [captions, dimension], of length 1.
        owners: int64 [captions]: the photo of each.
        count: How many to return; at most the captions of all other photos.
    """
    rows = []
    for start in range(0, len(vectors), 512):
        likeness = vectors[start : start + 512] @ vectors.T
        excluded = (owners[start : start + 512, None] == owners[None, :]) | (likeness > SAME)
        likeness[excluded] = -2.0
        rows.append(np.argsort(-likeness, axis=1, kind="stable")[:, :count])
    return np.concatenate(rows)
