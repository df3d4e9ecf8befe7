"""An array that grows at its end, so that columns follow files that are added."""

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)
_STEP = 1024


class GrownArray(Generic[T]):
    """Values by position; what was put where nothing was before makes it longer.

    Args:
        kind: The type of its values.
    """

    def __init__(self, kind: type[T]) -> None:
        self._values: NDArray[T] = np.empty(0, kind)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[T]:
        """All values. The array stays as it is when the column grows, and changes when a value does."""
        return self._values[: self._size]

    def replace(self, values: NDArray[T]) -> None:
        """Set all values."""
        self._values, self._size = values, len(values)

    def put(self, positions: NDArray[np.integer], values: NDArray[T]) -> None:
        """Set the values at some positions; what is new must leave no gap."""
        end = max(self._size, int(positions.max()) + 1) if len(positions) else self._size
        if end > len(self._values):
            larger = np.empty(end + end // 4 + _STEP, self._values.dtype)
            larger[: self._size] = self._values[: self._size]
            self._values = larger
        self._size = end
        self._values[positions] = values
