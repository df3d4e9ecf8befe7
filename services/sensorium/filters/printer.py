"""Writes a filter in its canonical form, which reads back as the same filter."""

import re
from datetime import datetime

from sensorium.filters.fields import Field
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

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_KEYWORD = re.compile(r"(and|or|not|has|in|true|false)\b.*", re.IGNORECASE)
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def canonical(part: Filter) -> str:
    """Return the canonical form: upper-case keywords, double quotes, times in UTC, no needless parentheses."""
    match part:
        case All(parts):
            return " AND ".join(_within(each, AnyOf, All) for each in parts)
        case AnyOf(parts):
            return " OR ".join(_within(each, AnyOf) for each in parts)
        case Negation(inner):
            return f"NOT {_within(inner, AnyOf, All)}"
        case _:
            return _term(part)


def _term(part: Term) -> str:
    match part:
        case Present(field):
            return f"HAS {_name(field)}"
        case Comparison(field, operator, value):
            return f"{_name(field)} {operator} {_literal(value)}"
        case OneOf(field, values):
            return f"{_name(field)} IN [{', '.join(map(_literal, values))}]"
        case Contains(field, text):
            return f"{_name(field)} HAS {_literal(text)}"
        case Match(field, phrase):
            return f"{_name(field)}:{_literal(phrase)}"


def _within(part: Filter, *wrapped: type[Filter]) -> str:
    text = canonical(part)
    return f"({text})" if type(part) in wrapped else text


def _name(field: Field) -> str:
    plain = _PLAIN.fullmatch(field.name) and not _KEYWORD.fullmatch(field.name)
    return field.name if plain else _literal(field.name)


def _literal(value: Scalar) -> str:
    match value:
        case bool():
            return str(value).upper()
        case str():
            return f'"{value.translate(_ESCAPES)}"'
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return repr(value)
