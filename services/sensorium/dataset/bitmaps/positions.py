"""Turns positions from numpy arrays into bitmaps, and back, without looking at each by itself."""

from array import array

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

Positions = NDArray[np.uint32]
# Of the format: how many places a container has, up to how many are listed, and what tells that none is of runs.
_SPAN, _SPARSE, _COOKIE = 1 << 16, 4096, 12346


def bitmap_of(positions: NDArray[np.integer]) -> BitMap:
    """Return a bitmap of positions."""
    return BitMap(array("I", positions.astype(np.uint32).tobytes()))


def bitmap_where(mask: NDArray[np.bool_]) -> BitMap:
    """Return a bitmap of the places where a mask is true.

    It is read from the portable format of roaring bitmaps (https://github.com/RoaringBitmap/RoaringFormatSpec), which
    is made ten times as soon as a list of the places: for each 65,536 places of which any is true a container, of bits
    when more than 4,096 are, and otherwise of the places as 16 bits.
    """
    heads, containers = [], []
    for key, start in enumerate(range(0, len(mask), _SPAN)):
        places = mask[start : start + _SPAN]
        if count := int(np.count_nonzero(places)):
            heads += [key, count - 1]
            containers.append(_bits(places) if count > _SPARSE else np.flatnonzero(places).astype("<u2").tobytes())
    begin = 8 + 8 * len(containers)
    offsets = np.cumsum([begin, *map(len, containers[:-1])], dtype="<u4") if containers else np.empty(0, "<u4")
    header = np.array([_COOKIE, len(containers)], "<u4").tobytes()
    return BitMap.deserialize(b"".join([header, np.array(heads, "<u2").tobytes(), offsets.tobytes(), *containers]))


def positions_in(bitmap: BitMap) -> Positions:
    """Return the positions of a bitmap, rising."""
    return np.frombuffer(bitmap.to_array(), np.uint32)


def _bits(places: NDArray[np.bool_]) -> bytes:
    return np.packbits(places, bitorder="little").tobytes().ljust(_SPAN // 8, b"\0")
