"""Says what bitmaps know as arrays, which is what files keep."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


class Restorable(Protocol):
    """A part of bitmaps that can be copied, and made again from the copy."""

    def arrays(self) -> Arrays:
        """Return a copy of all that it knows."""
        ...

    def restore(self, arrays: Arrays) -> None:
        """Know what was copied."""
        ...


def written(values: Sequence[str | int | None]) -> NDArray[np.uint8]:
    """Return values as an array: their JSON."""
    return np.frombuffer(json.dumps(values).encode(), np.uint8)


def listed(array: NDArray[Any]) -> list[Any]:
    """Return the values of an array that `written` made."""
    found: list[Any] = json.loads(array.tobytes())
    return found
