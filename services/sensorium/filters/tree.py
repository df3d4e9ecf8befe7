"""The tree of a filter: what every compiler starts from, typed and checked.

Filters have two truth values. A test of a field that a record does not have is false, also `!=`; its negation is true.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sensorium.filters.fields import Field

Scalar = str | int | float | bool | datetime


class Operator(StrEnum):
    """How a value compares with another."""

    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; without parts it holds always."""

    parts: tuple["Filter", ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part holds at least; there are two or more."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The part does not hold."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class Present:
    """The record has the field; of a list, at least one text."""

    field: Field


@dataclass(frozen=True, slots=True)
class Comparison:
    """The field, which is no list, compares so; texts by their code points, times are in UTC."""

    field: Field
    operator: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field equals one of the values; of a list, one of its texts does. There is at least one value."""

    field: Field
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """One text of the list equals `text`."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """The tokens of `phrase` stand together, in order, in the field; of a list, in one of its texts."""

    field: Field
    phrase: str


Term = Present | Comparison | OneOf | Contains | Match
Filter = All | AnyOf | Negation | Term
EVERYTHING = All()


def terms_in(part: Filter) -> Iterator[Term]:
    """Yield the terms of a filter, each as often as it stands there."""
    match part:
        case All(parts) | AnyOf(parts):
            for each in parts:
                yield from terms_in(each)
        case Negation(inner):
            yield from terms_in(inner)
        case _:
            yield part


def fields_in(part: Filter) -> Iterator[Field]:
    """Yield the fields that a filter names, each as often as it stands there."""
    return (each.field for each in terms_in(part))
