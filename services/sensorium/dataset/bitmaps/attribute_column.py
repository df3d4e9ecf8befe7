"""An attribute that callers give files: a value of any type for each, compared with those that a test asks about.

Numbers and truths stand beside each other; a text or a list of texts is a number as well, and is tested once for all
files that have it. Where very many differ, their hashes alone are kept, which say among which files the catalog finds
those with a text.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from sensorium.dataset.bitmaps.grown_array import GrownArray
from sensorium.dataset.bitmaps.positions import Positions, bitmap_where
from sensorium.dataset.value_counts import ValueCounts
from sensorium.filters.fields import Field
from sensorium.filters.printer import canonical
from sensorium.filters.python import COMPARE, holds
from sensorium.filters.tree import Comparison, Contains, OneOf, Operator, Present, Scalar, Term
from sensorium.model.document import AttributeValue

# So many different texts and lists, and so many characters in all of them, are kept in memory.
MOST_TEXTS = 200_000
MOST_CHARS = 20_000_000
_TERMS = 32

Mask = NDArray[np.bool_]


class Kind(IntEnum):
    """What a file's value is."""

    NOTHING = 0
    WHOLE = 1
    REAL = 2
    TRUTH = 3
    TEXT = 4
    LIST = 5


class AttributeColumn:
    """The values of one attribute.

    Args:
        field: Which attribute it is.
    """

    def __init__(self, field: Field) -> None:
        self._field = field
        self._kinds = GrownArray(np.uint8)
        # By kind: the number, the bits of the floating-point number, 0 or 1, or the place among the texts, or a hash.
        self._files = GrownArray(np.int64)
        self._texts: dict[AttributeValue, int] = {}
        self._chars = 0
        self._is_hashed = False
        self._remembered: OrderedDict[str, tuple[int, list[int]]] = OrderedDict()

    def put(self, positions: Positions, values: Sequence[AttributeValue | None]) -> None:
        """Set the values of some files."""
        coded = [self._coded(each) for each in values]
        self._kinds.put(positions, np.fromiter((kind for kind, _ in coded), np.uint8, len(coded)))
        self._files.put(positions, np.fromiter((number for _, number in coded), np.int64, len(coded)))
        if len(self._texts) > MOST_TEXTS or self._chars > MOST_CHARS:
            self._hash()

    def covers(self, term: Term) -> bool:
        """Return whether a term of this field can be answered."""
        return not (self._is_hashed and _asks_for_texts(term))

    def holding(self, term: Term) -> BitMap:
        """Return the positions of the files that satisfy a term that is covered."""
        match term:
            case Present():
                return bitmap_where(self._kinds.values != Kind.NOTHING)
            case Comparison(_, how, (bool() | int() | float()) as value):
                return bitmap_where(self._compared(how, value))
            case OneOf(_, values) if _asks_for_texts(term):
                return bitmap_where(self._one_of(values) | self._tested(term))
            case OneOf(_, values):
                return bitmap_where(self._one_of(values))
            case _:
                return bitmap_where(self._tested(term))

    def among(self, term: Term) -> BitMap:
        """Return positions with all files that satisfy a term that is not covered, and some others."""
        kinds = self._kinds.values
        match term:
            case Comparison(_, Operator.EQUAL, value):
                return bitmap_where(self._one_of((value,)) | self._with_hashes((value,)))
            case OneOf(_, values):
                return bitmap_where(self._one_of(values) | self._with_hashes(values))
            case Contains():
                return bitmap_where(kinds == Kind.LIST)
            case _:
                return bitmap_where(kinds >= Kind.TEXT)

    def counts(self, chosen: Positions) -> list[tuple[AttributeValue, int]] | None:
        """Return how many of the chosen files have each value, or list with it; values that none has are left out.

        None where it knows the texts by their hashes alone.
        """
        if self._is_hashed:
            return None
        kinds, files = self._kinds.values[chosen], self._files.values[chosen]
        found = ValueCounts()
        for number, count in _counted(files[kinds == Kind.WHOLE]):
            found.add(number, count)
        for number, count in _counted(files[kinds == Kind.REAL].view(np.float64)):
            found.add(number, count)
        for number, count in _counted(files[kinds == Kind.TRUTH]):
            found.add(bool(number), count)
        named = np.bincount(files[kinds >= Kind.TEXT], minlength=len(self._texts))
        for value, count in zip(self._texts, named.tolist(), strict=True):
            if count:
                found.add(value, count)
        return found.pairs()

    def _coded(self, value: AttributeValue | None) -> tuple[Kind, int]:
        match value:
            case None | ():
                return Kind.NOTHING, 0
            case bool():
                return Kind.TRUTH, int(value)
            case int():
                return Kind.WHOLE, value
            case float():
                return Kind.REAL, int(np.float64(value).view(np.int64))
            case tuple():
                return Kind.LIST, self._place(value)
            case _:
                return Kind.TEXT, self._place(value)

    def _place(self, value: AttributeValue) -> int:
        if self._is_hashed:
            return hash(value)
        place = self._texts.get(value)
        if place is None:
            place = self._texts[value] = len(self._texts)
            self._chars += len(str(value))
        return place

    def _hash(self) -> None:
        """Keep the hashes of texts and lists in the stead of themselves."""
        hashes = np.fromiter(map(hash, self._texts), np.int64, len(self._texts))
        textual, files = np.flatnonzero(self._kinds.values >= Kind.TEXT), self._files.values
        files[textual] = hashes[files[textual]]
        self._texts.clear()
        self._remembered.clear()
        self._chars, self._is_hashed = 0, True

    def _compared(self, how: Operator, value: float) -> Mask:
        compare, kinds, files = COMPARE[how], self._kinds.values, self._files.values
        match value:
            case bool():
                return np.asarray((kinds == Kind.TRUTH) & compare(files, int(value)))
            case int():
                found = (kinds == Kind.WHOLE) & compare(files, value)
            case _:
                found = (kinds == Kind.WHOLE) & compare(files.astype(np.float64), value)
        reals = np.flatnonzero(kinds == Kind.REAL)
        found[reals] = compare(files[reals].view(np.float64), float(value))
        return np.asarray(found)

    def _one_of(self, values: Sequence[Scalar]) -> Mask:
        """Return where a number or a truth equals one of `values`."""
        found = np.zeros(len(self._kinds), np.bool_)
        for each in values:
            match each:
                case bool() | int() | float():
                    found |= self._compared(Operator.EQUAL, each)
        return found

    def _with_hashes(self, values: Sequence[Scalar]) -> Mask:
        """Return where a text has the hash of one of `values`, and where any list is."""
        kinds, files = self._kinds.values, self._files.values
        found = (kinds == Kind.TEXT) & np.isin(files, np.array([hash(each) for each in values], np.int64))
        return np.asarray(found | (kinds == Kind.LIST))

    def _tested(self, term: Term) -> Mask:
        """Return where a text or a list satisfies a term."""
        wanted = np.zeros(len(self._texts) + 1, np.bool_)
        wanted[self._satisfying(term)] = True
        is_text = self._kinds.values >= Kind.TEXT
        return np.asarray(is_text & wanted[np.where(is_text, self._files.values, len(self._texts))])

    def _satisfying(self, term: Term) -> list[int]:
        """Return the places of the texts that satisfy a term; each is tested once for one of the last terms."""
        # Terms that ask for 1 and for TRUE are equal to Python.
        written = canonical(term)
        count, places = self._remembered.pop(written, (0, []))
        key, fresh = self._field.key, islice(self._texts.items(), count, None)
        places += [place for value, place in fresh if holds(term, {key: value})]
        self._remembered[written] = (len(self._texts), places)
        if len(self._remembered) > _TERMS:
            self._remembered.popitem(last=False)
        return places


def _asks_for_texts(term: Term) -> bool:
    """Return whether texts or lists can satisfy a term by what they say."""
    match term:
        case Present():
            return False
        case Comparison(_, _, value):
            return isinstance(value, str)
        case OneOf(_, values):
            return any(isinstance(each, str) for each in values)
        case _:
            return True


def _counted(numbers: NDArray[np.int64] | NDArray[np.float64]) -> Iterator[tuple[float, int]]:
    values, counts = np.unique(numbers, return_counts=True)
    yield from zip(values.tolist(), counts.tolist(), strict=True)
