"""A field with many different numbers, compared for all files at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from sensorium.dataset.bitmaps.arrays import Arrays
from sensorium.dataset.bitmaps.grown_array import GrownArray
from sensorium.dataset.bitmaps.positions import Positions, bitmap_where
from sensorium.filters.python import COMPARE
from sensorium.filters.sql import stored
from sensorium.filters.tree import Comparison, OneOf, Term

# Stands where a file has no value; no size and no time is as small, and it is sorted first, as SQL does with NULL.
NOTHING = -(1 << 63)


class NumberColumn:
    """Whole numbers of 64 bits; times are in microseconds."""

    def __init__(self) -> None:
        self._files = GrownArray(np.int64)
        self._lacking = False

    @property
    def values(self) -> NDArray[np.int64]:
        """The numbers by position."""
        return self._files.values

    def put(self, positions: Positions, values: Sequence[int | None]) -> None:
        """Set the numbers of some files."""
        self._lacking = self._lacking or None in values
        numbers = (NOTHING if each is None else each for each in values)
        self._files.put(positions, np.fromiter(numbers, np.int64, len(values)))

    def arrays(self) -> Arrays:
        """Return a copy of all that it knows."""
        return {"numbers": self._files.values.copy()}

    def restore(self, arrays: Arrays) -> None:
        """Know what was copied."""
        self._files.replace(arrays["numbers"])
        self._lacking = bool((self._files.values == NOTHING).any())

    def holding(self, term: Term) -> BitMap:
        """Return the positions of the files that satisfy a term of this field."""
        numbers = self._files.values
        match term:
            case Comparison(_, how, value):
                found = COMPARE[how](numbers, stored(value))
            case OneOf(_, values):
                found = np.isin(numbers, [stored(each) for each in values])
            case _:
                found = np.ones(len(numbers), np.bool_)
        return bitmap_where(found & (numbers != NOTHING) if self._lacking else found)
