"""A field with few different values, each file's as a number: a test is made of every value once, not of every file."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from sensorium.dataset.bitmaps.arrays import Arrays, listed, written
from sensorium.dataset.bitmaps.grown_array import GrownArray
from sensorium.dataset.bitmaps.positions import Positions, bitmap_where
from sensorium.filters.fields import Field
from sensorium.filters.python import holds
from sensorium.filters.tree import Comparison, OneOf, Operator, Scalar, Term

Value = str | int | None
_TERMS = 32


class _Codes(dict[Value, int]):
    """Numbers for values, in the order of their first coming."""

    def __missing__(self, value: Value) -> int:
        self[value] = len(self)
        return self[value]


class TextColumn:
    """Texts, or whole numbers, or None where a file has no value.

    Args:
        field: Whose values they are.
    """

    def __init__(self, field: Field) -> None:
        self._field = field
        self._codes = _Codes()
        self._files = GrownArray(np.int32)
        self._remembered: OrderedDict[Term, tuple[int, list[int]]] = OrderedDict()

    def put(self, positions: Positions, values: Sequence[Value]) -> None:
        """Set the values of some files."""
        codes = np.fromiter(map(self._codes.__getitem__, values), np.int32, len(values))
        self._files.put(positions, codes)

    def arrays(self) -> Arrays:
        """Return a copy of all that it knows."""
        return {"codes": self._files.values.copy(), "values": written(list(self._codes))}

    def restore(self, arrays: Arrays) -> None:
        """Know what was copied."""
        self._files.replace(arrays["codes"])
        self._codes = _Codes({value: code for code, value in enumerate(listed(arrays["values"]))})
        self._remembered.clear()

    def holding(self, term: Term) -> BitMap:
        """Return the positions of the files that satisfy a term of this field."""
        codes = self._satisfying(term)
        match codes:
            case []:
                return BitMap()
            case [only]:
                return bitmap_where(self._files.values == only)
            case _:
                wanted = np.zeros(len(self._codes), np.bool_)
                wanted[codes] = True
                return bitmap_where(wanted[self._files.values])

    def counts(self, chosen: Positions) -> list[tuple[str, int]]:
        """Return how many of the chosen files have each value, values that none has left out."""
        found: NDArray[np.intp] = np.bincount(self._files.values[chosen], minlength=len(self._codes))
        return [(str(value), int(found[code])) for value, code in self._codes.items() if found[code]]

    def _satisfying(self, term: Term) -> list[int]:
        match term:
            case Comparison(_, Operator.EQUAL, value):
                return self._known((value,))
            case OneOf(_, values):
                return self._known(values)
            case _:
                return self._tested(term)

    def _tested(self, term: Term) -> list[int]:
        """Return the numbers of the values that satisfy a term; each value is tested once for one of the last terms."""
        count, codes = self._remembered.pop(term, (0, []))
        key, fresh = self._field.key, islice(self._codes.items(), count, None)
        codes += [code for value, code in fresh if value is not None and holds(term, {key: value})]
        self._remembered[term] = (len(self._codes), codes)
        if len(self._remembered) > _TERMS:
            self._remembered.popitem(last=False)
        return codes

    def _known(self, values: Sequence[Scalar]) -> list[int]:
        return [self._codes[each] for each in values if each in self._codes]  # type: ignore[index]
