"""Evaluates a filter in plain Python: the meaning that every other compiler must keep."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from sensorium.filters.tokens import tokenized, tokenized_list
from sensorium.filters.tree import (
    All,
    AnyOf,
    Comparison,
    Contains,
    Filter,
    Match,
    Negation,
    OneOf,
    Operator,
    Present,
    Scalar,
    Term,
)
from sensorium.model.document import AttributeValue

Record = Mapping[str, AttributeValue]

COMPARE: Mapping[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: operator.eq,
    Operator.UNEQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}


def holds(part: Filter, record: Record) -> bool:
    """Return whether `record`, which has values by the keys of fields, satisfies the filter."""
    match part:
        case All(parts):
            return all(holds(each, record) for each in parts)
        case AnyOf(parts):
            return any(holds(each, record) for each in parts)
        case Negation(inner):
            return not holds(inner, record)
        case _:
            value = record.get(part.field.key)
            return value is not None and (_tests if part.field.type else _tests_free)(part, value)


def _tests(part: Term, value: AttributeValue) -> bool:
    match part:
        case Present():
            return value != ()
        case Comparison(_, how, other):
            return bool(COMPARE[how](value, other))
        case OneOf(_, values):
            return any(each in values for each in _each(value))
        case Contains(_, text):
            return text in _each(value)
        case Match(_, phrase):
            return tokenized(phrase) in token_text(value)


def _tests_free(part: Term, value: AttributeValue) -> bool:
    """Test a value of any type: one that is of another type than what is asked fails."""
    match part, value:
        case Present(), _:
            return value != ()
        case Comparison(_, how, other), _:
            return _compares(how, value, other)
        case OneOf(_, values), _:
            return any(_compares(Operator.EQUAL, value, each) for each in values)
        case Contains(_, text), tuple():
            return text in value
        case Match(_, phrase), str() | tuple():
            return tokenized(phrase) in token_text(value)
        case _:
            return False


def _compares(how: Operator, value: AttributeValue, other: Scalar) -> bool:
    match value, other:
        case (bool(), bool()) | (str(), str()):
            return bool(COMPARE[how](value, other))
        case (bool(), _) | (_, bool()):
            return False
        case int(), int():
            return bool(COMPARE[how](value, other))
        case ((int() | float()), (int() | float())):
            return bool(COMPARE[how](float(value), float(other)))
        case tuple(), str():
            return how is Operator.EQUAL and other in value
        case _:
            return False


def token_text(value: AttributeValue) -> str:
    """Return the tokens of a text, or of a list of texts."""
    match value:
        case tuple():
            return tokenized_list(value)
        case _:
            return tokenized(str(value))


def _each(value: AttributeValue) -> tuple[AttributeValue, ...]:
    match value:
        case tuple():
            return value
        case _:
            return (value,)
