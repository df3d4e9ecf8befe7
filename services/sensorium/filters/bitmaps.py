"""Compiles a filter to operations on roaring bitmaps of the records' positions."""

from typing import Protocol

from pyroaring import BitMap

from sensorium.filters.fields import Field
from sensorium.filters.tree import EVERYTHING, All, AnyOf, Filter, Negation, Term, fields_in


class Bitmaps(Protocol):
    """Records that are known by their positions, counted from 0."""

    def everything(self) -> BitMap:
        """Return the positions of all records."""
        ...

    def covers(self, field: Field) -> bool:
        """Return whether terms of `field` can be answered."""
        ...

    def holding(self, term: Term) -> BitMap:
        """Return the positions of the records that satisfy a term of a covered field."""
        ...


def divided(part: Filter, bitmaps: Bitmaps) -> tuple[Filter, Filter]:
    """Return a filter as two that must both hold: one that the bitmaps answer, and the rest."""
    parts = part.parts if isinstance(part, All) else (part,)
    answered = tuple(each for each in parts if all(map(bitmaps.covers, fields_in(each))))
    return _all(answered), _all(tuple(each for each in parts if each not in answered))


def matching(part: Filter, bitmaps: Bitmaps) -> BitMap:
    """Return the positions of the records that satisfy a filter whose fields are all covered."""
    match part:
        case All(parts):
            found = bitmaps.everything()
            for each in parts:
                found &= matching(each, bitmaps)
            return found
        case AnyOf(parts):
            return BitMap.union(*(matching(each, bitmaps) for each in parts))
        case Negation(inner):
            return bitmaps.everything() - matching(inner, bitmaps)
        case _:
            return bitmaps.holding(part)


def _all(parts: tuple[Filter, ...]) -> Filter:
    match parts:
        case ():
            return EVERYTHING
        case (only,):
            return only
        case _:
            return All(parts)
