"""Compiles tests of values whose type is each record's own: what is asked follows the literal.

A value of another type fails the test. Whole numbers compare as such with one another, and with others as 64-bit
floating-point numbers.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Numeric,
    String,
    TableValuedAlias,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from sensorium.filters.json_rows import FALSE, LIST, REAL, TEXT, TRUE, WHOLE, elements, json_list, members
from sensorium.filters.python import COMPARE
from sensorium.filters.tokens import tokenized
from sensorium.filters.tree import Comparison, Contains, Match, OneOf, Operator, Present, Scalar, Term


@dataclass(frozen=True, slots=True)
class Holder:
    """Where the values of one field are.

    Attributes:
        json: The column with the JSON object that has them.
        name: How they are called in it.
        tokens: Their tokens as `tokens.stored_tokens` gives them; NULL where there are none.
    """

    json: ColumnElement[Any]
    name: str
    tokens: ColumnElement[str]


def free_condition(part: Term, holder: Holder) -> ColumnElement[bool]:
    """Return a condition that is true or false, never NULL."""
    rows = members(holder.json)
    found = select(literal(1)).select_from(rows)
    return found.where(rows.c.key == holder.name, _wanted(part, rows, holder.tokens)).exists()


def _wanted(part: Term, rows: TableValuedAlias, tokens: ColumnElement[str]) -> ColumnElement[bool]:
    match part:
        case Present():
            return or_(rows.c.type.not_in((LIST, "null")), _listed(rows))
        case Comparison(_, Operator.EQUAL, value):
            return _one_of(rows, (value,))
        case Comparison(_, how, value):
            return _compares(rows, how, value)
        case OneOf(_, values):
            return _one_of(rows, values)
        case Contains(_, text):
            return _listed(rows, text)
        case Match(_, phrase):
            plain = literal(" ") + func.lower(rows.c.value) + literal(" ")
            shown = case((rows.c.type == TEXT, func.coalesce(tokens, plain)), (rows.c.type == LIST, tokens))
            return shown.contains(tokenized(phrase), autoescape=True)


def _compares(rows: TableValuedAlias, how: Operator, value: Scalar) -> ColumnElement[bool]:
    compare = COMPARE[how]
    found: ColumnElement[bool]
    match value:
        case bool():
            found = and_(rows.c.type.in_((TRUE, FALSE)), compare(rows.c.type, _truth(value)))
        case int():
            whole = compare(_whole(rows), literal(value, BigInteger()))
            found = or_(whole, compare(_number(rows, REAL), literal(float(value), Double())))
        case float():
            found = compare(_number(rows, REAL, WHOLE), literal(value, Double()))
        case _:
            found = compare(_text(rows), str(value))
    return found


def _one_of(rows: TableValuedAlias, values: tuple[Scalar, ...]) -> ColumnElement[bool]:
    """Return whether a value equals one of `values`; of a list, whether one of its texts does."""
    truths = [_truth(each) for each in values if isinstance(each, bool)]
    wholes = [each for each in values if isinstance(each, int) and not isinstance(each, bool)]
    reals = [each for each in values if isinstance(each, float)]
    texts = tuple(each for each in values if isinstance(each, str))
    parts: list[ColumnElement[bool]] = []
    if truths:
        parts.append(rows.c.type.in_(truths))
    if wholes:
        parts.append(_whole(rows).in_([literal(each, BigInteger()) for each in wholes]))
        parts.append(_number(rows, REAL).in_([literal(float(each), Double()) for each in wholes]))
    if reals:
        parts.append(_number(rows, REAL, WHOLE).in_([literal(each, Double()) for each in reals]))
    if texts:
        parts += [_text(rows).in_(texts), _listed(rows, *texts)]
    return or_(*parts)


def _listed(rows: TableValuedAlias, *texts: str) -> ColumnElement[bool]:
    """Return whether the value is a list that has one of `texts`; without any, whether it has one at all."""
    each = elements(json_list(rows.c.type, rows.c.value))
    found = select(literal(1)).select_from(each)
    return (found.where(each.c.value.in_(texts)) if texts else found).exists()


def _text(rows: TableValuedAlias) -> ColumnElement[Any]:
    return case((rows.c.type == TEXT, cast(rows.c.value, String)))


def _whole(rows: TableValuedAlias) -> ColumnElement[Any]:
    return case((rows.c.type == WHOLE, cast(rows.c.value, Numeric)))


def _number(rows: TableValuedAlias, *types: str) -> ColumnElement[Any]:
    return case((rows.c.type.in_(types), cast(rows.c.value, Double)))


def _truth(value: Scalar) -> str:
    return TRUE if value else FALSE
