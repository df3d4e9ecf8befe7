"""What every tower is asked with and answers: a lane of Triton's, and finite vectors of one dimension."""

from collections.abc import Sequence

import numpy as np

from sensorium.embed.work import Row
from sensorium.errors import Internal, SensoriumError
from sensorium.model.embedding import Priority
from sensorium.ports import Tensor

TRITON_PRIORITY = {Priority.INTERACTIVE: 1, Priority.BULK: 2}


def checked_rows(model: str, vectors: Tensor, shape: tuple[int, int]) -> Sequence[Row | SensoriumError]:
    """Return the rows of `vectors`, or Internal for one that is not finite.

    Raises:
        Internal: They have another shape than [batch, dimension].
    """
    if vectors.shape != shape:
        raise Internal(f"model {model!r} gave {list(vectors.shape)} values, not {list(shape)}")
    rows = vectors.astype(np.float32, copy=False)
    if np.isfinite(rows).all():
        return list(rows)
    return [row if np.isfinite(row).all() else _not_finite(model) for row in rows]


def _not_finite(model: str) -> Internal:
    return Internal(f"model {model!r} gave a vector that is not finite")
