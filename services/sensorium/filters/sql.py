"""Compiles a filter to a condition of SQLAlchemy, for any table that keeps tags and attributes as JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import BigInteger, ColumnElement, and_, false, func, literal, not_, or_, select, true

from sensorium.filters.fields import Field
from sensorium.filters.free_sql import Holder, free_condition
from sensorium.filters.json_rows import elements
from sensorium.filters.python import COMPARE
from sensorium.filters.tokens import tokenized
from sensorium.filters.tree import (
    All,
    AnyOf,
    Comparison,
    Contains,
    Filter,
    Match,
    Negation,
    OneOf,
    Present,
    Scalar,
    Term,
)
from sensorium.model.collection import AttributeType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Columns(Protocol):
    """Where a statement finds the values of fields."""

    def scalar(self, field: Field) -> ColumnElement[Any]:
        """Return the value of `field`, which is no list; NULL when there is none. Times are in microseconds."""
        ...

    def texts(self, field: Field) -> ColumnElement[Any]:
        """Return the list `field` as JSON; NULL when there is none."""
        ...

    def tokens(self, field: Field) -> ColumnElement[str]:
        """Return the tokens of `field` as `tokens.tokenized` gives them; NULL when there are none."""
        ...

    def holder(self, field: Field) -> Holder:
        """Return where the values of `field` are, which has no type."""
        ...


def condition(part: Filter, columns: Columns) -> ColumnElement[bool]:
    """Return a condition that is true or false, never NULL."""
    match part:
        case All(parts):
            return and_(true(), *(condition(each, columns) for each in parts))
        case AnyOf(parts):
            return or_(false(), *(condition(each, columns) for each in parts))
        case Negation(inner):
            return not_(condition(inner, columns))
        case _ if part.field.type is None:
            return free_condition(part, columns.holder(part.field))
        case _:
            return _term(part, columns)


def _term(part: Term, columns: Columns) -> ColumnElement[bool]:
    match part:
        case Match(field, phrase):
            text = func.coalesce(columns.tokens(field), "")
            return text.contains(tokenized(phrase), autoescape=True)
        case _ if part.field.type is AttributeType.STRING_LIST:
            return _of_list(part, columns)
        case _:
            return _of_scalar(part, columns.scalar(part.field))


def _of_scalar(part: Present | Comparison | OneOf | Contains, column: ColumnElement[Any]) -> ColumnElement[bool]:
    present = column.is_not(None)
    match part:
        case Comparison(_, how, value):
            compared: ColumnElement[bool] = COMPARE[how](column, _bound(value))
            return and_(present, compared)
        case OneOf(_, values):
            return and_(present, column.in_([_bound(each) for each in values]))
        case _:
            return present


def _of_list(part: Present | Comparison | OneOf | Contains, columns: Columns) -> ColumnElement[bool]:
    rows = elements(columns.texts(part.field))
    found = select(literal(1)).select_from(rows)
    return found.where(_wanted(part, rows.c.value)).exists()


def _wanted(part: Present | Comparison | OneOf | Contains, text: ColumnElement[Any]) -> ColumnElement[bool]:
    match part:
        case OneOf(_, values):
            return text.in_(_texts(values))
        case Contains(_, wanted):
            return text == wanted
        case _:
            return text.is_not(None)


def _texts(values: Sequence[Scalar]) -> list[str]:
    return [str(each) for each in values]


def _bound(value: Scalar) -> ColumnElement[Any]:
    match stored(value):
        case bool() | float() | str() as plain:
            return literal(plain)
        case whole:  # Beside a column of 32 bits PostgreSQL would take it for no more.
            return literal(whole, BigInteger())


def stored(value: Scalar) -> str | int | float | bool:
    """Return a value as tables keep it: times in microseconds."""
    match value:
        case datetime():
            return (value - _EPOCH) // timedelta(microseconds=1)
        case _:
            return value
