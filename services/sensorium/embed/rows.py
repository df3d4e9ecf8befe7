"""What every tower is asked with and answers: a lane of Triton's, and finite vectors of one dimension."""

from collections.abc import Sequence

import numpy as np

from sensorium.embed.work import Outputs, Row
from sensorium.errors import Internal, SensoriumError
from sensorium.model.embedding import Priority
from sensorium.ports import Tensor

TRITON_PRIORITY = {Priority.INTERACTIVE: 1, Priority.BULK: 2}


def check_shape(model: str, values: Tensor, shape: tuple[int, ...]) -> None:
    """Raise Internal unless an output tensor has the shape that it should have."""
    if values.shape != shape:
        raise Internal(f"model {model!r} gave {list(values.shape)} values, not {list(shape)}")


def checked_rows(model: str, vectors: Tensor, shape: tuple[int, int]) -> Sequence[Row | SensoriumError]:
    """Return the rows of `vectors`, or Internal for one that is not finite.

    Raises:
        Internal: They have another shape than [batch, dimension].
    """
    check_shape(model, vectors, shape)
    rows = vectors.astype(np.float32, copy=False)
    if np.isfinite(rows).all():
        return list(rows)
    return [row if np.isfinite(row).all() else not_finite(model) for row in rows]


def dense_outputs(model: str, vectors: Tensor, shape: tuple[int, int]) -> Sequence[Outputs | SensoriumError]:
    """Return the same as the outputs of towers that give dense vectors alone."""
    rows = checked_rows(model, vectors, shape)
    return [row if isinstance(row, SensoriumError) else Outputs(row) for row in rows]


def not_finite(model: str) -> Internal:
    """Return the error of a vector that holds infinities or is no number."""
    return Internal(f"model {model!r} gave a vector that is not finite")
