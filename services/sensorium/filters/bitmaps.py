"""Compiles a filter to operations on roaring bitmaps of the records' positions."""

from collections.abc import Callable
from typing import Protocol

from pyroaring import BitMap

from sensorium.filters.tree import EVERYTHING, All, AnyOf, Filter, Negation, Term, terms_in


class Bitmaps(Protocol):
    """Records that are known by their positions, counted from 0."""

    def everything(self) -> BitMap:
        """Return the positions of all records."""
        ...

    def covers(self, term: Term) -> bool:
        """Return whether a term can be answered."""
        ...

    def holding(self, term: Term) -> BitMap:
        """Return the positions of the records that satisfy a term that is covered."""
        ...


def parts_of(part: Filter) -> tuple[Filter, ...]:
    """Return the filters that must all hold for `part` to hold."""
    match part:
        case All(parts):
            return parts
        case _:
            return (part,)


def divided(part: Filter, covers: Callable[[Term], bool]) -> tuple[Filter, Filter]:
    """Return a filter as two that must both hold: one of terms that are covered, and the rest."""
    parts = parts_of(part)
    answered = tuple(each for each in parts if all(map(covers, terms_in(each))))
    return _all(answered), _all(tuple(each for each in parts if each not in answered))


def matching(part: Filter, bitmaps: Bitmaps) -> BitMap:
    """Return the positions of the records that satisfy a filter whose terms are all covered."""
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
