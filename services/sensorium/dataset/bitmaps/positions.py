"""Turns positions from numpy arrays into bitmaps, and back, without looking at each by itself."""

from array import array

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

Positions = NDArray[np.uint32]


def bitmap_of(positions: NDArray[np.integer]) -> BitMap:
    """Return a bitmap of positions."""
    return BitMap(array("I", positions.astype(np.uint32).tobytes()))


def bitmap_where(mask: NDArray[np.bool_]) -> BitMap:
    """Return a bitmap of the places where a mask is true."""
    return bitmap_of(np.flatnonzero(mask))


def positions_in(bitmap: BitMap) -> Positions:
    """Return the positions of a bitmap, rising."""
    return np.frombuffer(bitmap.to_array(), np.uint32)
