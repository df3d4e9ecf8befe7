"""Which vectors a collection takes, as documents and in queries."""

import math

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.collection import Collection
from sensorium.model.vector import DType, Metric, Vector
from sensorium.search.geometry import norm

# Products of two longer vectors may not fit a float32.
LONGEST = 1e18
# A shorter one has lost its direction to rounding.
SHORTEST = 1e-30
TAKEN = (DType.FLOAT32, DType.FLOAT16, DType.INT8)


def checked_components(vector: Vector, collection: Collection, field: str) -> NDArray[np.float32]:
    """Return the components as float32, shape [dimension].

    Raises:
        InvalidArgument: OPTION_UNSUPPORTED, DIMENSION_MISMATCH or VECTOR_INVALID; names `field`.
    """
    if vector.dtype not in TAKEN:
        supported = ",".join(TAKEN)
        raise InvalidArgument(
            f"{field}: {vector.dtype} vectors cannot be searched; send {supported}",
            reason=Reason.OPTION_UNSUPPORTED,
            field=field,
            metadata={"option": vector.dtype.value, "supported": supported},
        )
    if vector.dimension != collection.dimension:
        raise InvalidArgument(
            f"{field}: dimension {vector.dimension}, the collection has {collection.dimension}",
            reason=Reason.DIMENSION_MISMATCH,
            field=field,
            metadata={"expected": str(collection.dimension), "actual": str(vector.dimension)},
        )
    components = _decoded(vector, field)
    check_length(components, needs_direction=collection.metric is Metric.COSINE, field=field)
    return components


def check_length(components: NDArray[np.float32], *, needs_direction: bool, field: str) -> None:
    """Refuse NaN, infinity, vectors that are too long, and where it matters those without a direction."""
    length = norm(components)
    if not math.isfinite(length):
        raise _invalid(field, "it holds NaN or infinity")
    if length > LONGEST:
        raise _invalid(field, f"its length {length:.3g} is more than {LONGEST:.0e}")
    if needs_direction and length < SHORTEST:
        raise _invalid(field, "it has no direction: its components are 0")


def _decoded(vector: Vector, field: str) -> NDArray[np.float32]:
    try:
        with np.errstate(all="ignore"):  # What overflows is found by its length.
            return vector.to_numpy()
    except InvalidArgument as error:
        raise _invalid(field, error.message) from error


def _invalid(field: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {why}", reason=Reason.VECTOR_INVALID, field=field)
