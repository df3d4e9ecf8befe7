"""Compiles a filter to zvec's own language, which has no NOT and no two truth values: both are written out.

Measured for zvec 0.8: a missing value makes every test false, `!=` and `NOT IN` too; numbers must be written as the
field's type has them; a backslash stands for itself except before the quote that it escapes.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from sensorium.filters.fields import Field
from sensorium.filters.inexpressible import Inexpressible
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
    Operator,
    Present,
    Scalar,
    Term,
    fields_in,
)
from sensorium.model.collection import AttributeType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPPOSITE: Mapping[Operator, Operator] = {
    Operator.EQUAL: Operator.UNEQUAL,
    Operator.UNEQUAL: Operator.EQUAL,
    Operator.LESS: Operator.AT_LEAST,
    Operator.AT_MOST: Operator.MORE,
    Operator.MORE: Operator.AT_MOST,
    Operator.AT_LEAST: Operator.LESS,
}


class ZvecFilters:
    """Writes filters for one schema.

    Args:
        column: The name of a field's values in the schema.
        token_column: The name of a field's tokens, as `tokens.tokenized` gives them; missing when there are none.
    """

    def __init__(self, column: Callable[[Field], str], token_column: Callable[[Field], str]) -> None:
        self._column = column
        self._token_column = token_column

    def expression(self, part: Filter) -> str:
        """Return the filter in zvec's language; empty when it holds always.

        Raises:
            Inexpressible: It cannot be said.
        """
        if free := [each.name for each in fields_in(part) if each.type is None]:
            raise Inexpressible(f"{free[0]}, which has no type")
        return "" if part == All() else self._positive(part)

    def _positive(self, part: Filter) -> str:
        match part:
            case All(parts):
                return _joined(" and ", map(self._positive, parts))
            case AnyOf(parts):
                return _joined(" or ", map(self._positive, parts))
            case Negation(inner):
                return self._negative(inner)
            case _:
                return self._test(part)

    def _test(self, part: Term) -> str:
        match part:
            case Present(field):
                column = self._column(field)
                return f"array_length({column}) > 0" if _is_list(field) else f"{column} is not null"
            case Comparison(field, how, value):
                return f"{self._column(field)} {how} {_literal(value)}"
            case OneOf(field, values) if field.type is AttributeType.BOOL:
                return _joined(" or ", (f"{self._column(field)} = {_literal(each)}" for each in values))
            case OneOf(field, values):
                word = "contain_any" if _is_list(field) else "in"
                return self._among(field, word, values)
            case Contains(field, text):
                return self._among(field, "contain_any", (text,))
            case Match(field, phrase):
                return f"{self._token_column(field)} like {_literal(f'%{tokenized(phrase)}%')}"

    def _negative(self, part: Filter) -> str:
        match part:
            case All(()):
                raise Inexpressible("a filter that never holds")
            case All(parts):
                return _joined(" or ", map(self._negative, parts))
            case AnyOf(parts):
                return _joined(" and ", map(self._negative, parts))
            case Negation(inner):
                return self._positive(inner)
            case Match():
                # There is no NOT LIKE.
                raise Inexpressible("a token match that must fail")
            case _:
                return self._missing_or_not(part)

    def _missing_or_not(self, part: Present | Comparison | OneOf | Contains) -> str:
        column = self._column(part.field)
        missing = f"{column} is null"
        match part:
            case Present(field):
                return f"({missing} or array_length({column}) = 0)" if _is_list(field) else missing
            case Comparison(_, how, value):
                return f"({missing} or {column} {_OPPOSITE[how]} {_literal(value)})"
            case OneOf(field, values) if field.type is AttributeType.BOOL:
                return _joined(
                    " or ", (missing, _joined(" and ", (f"{column} != {_literal(each)}" for each in values)))
                )
            case OneOf(field, values):
                word = "not contain_any" if _is_list(field) else "not in"
                return f"({missing} or {self._among(field, word, values)})"
            case Contains(field, text):
                return f"({missing} or {self._among(field, 'not contain_any', (text,))})"

    def _among(self, field: Field, word: str, values: Iterable[Scalar]) -> str:
        return f"{self._column(field)} {word} ({', '.join(map(_literal, values))})"


def _is_list(field: Field) -> bool:
    return field.type is AttributeType.STRING_LIST


def _joined(word: str, parts: Iterable[str]) -> str:
    return f"({word.join(parts)})"


def _literal(value: Scalar) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case datetime():
            return str((value - _EPOCH) // timedelta(microseconds=1))
        case float():
            return _decimal(value)
        case _:
            return str(value)


def _decimal(value: float) -> str:
    digits = repr(value)
    return digits if "." in digits or "e" in digits else f"{digits}.0"


def _quoted(text: str) -> str:
    if "\\'" in text or text.endswith("\\"):
        raise Inexpressible("a backslash before a quote")
    return "'" + text.replace("'", "\\'") + "'"
