"""Reads the values of a filter as the types of the fields that they are compared with."""

import math
import re
from datetime import UTC, datetime

from lark import Token

from sensorium.filters.fault import fault
from sensorium.filters.fields import Field
from sensorium.filters.tree import Scalar
from sensorium.model.collection import AttributeType
from sensorium.model.document import INT64

_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_WHOLE = re.compile(r"[+-]?[0-9]+")
_SHOWN = 40


class Literals:
    """Reads the values of one filter.

    Args:
        text: The filter, for errors.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def scalar(self, field: Field, token: Token) -> Scalar:
        """Return the value at `token` as a value of `field`, or as one text of it when it is a list.

        Raises:
            InvalidArgument: FILTER_INVALID, pointing at the value.
        """
        match field.type:
            case None:
                return self._plain(field, token)
            case AttributeType.STRING | AttributeType.STRING_LIST:
                return self.text(field, token)
            case AttributeType.INT:
                return self._whole(field, token)
            case AttributeType.DOUBLE:
                return self._number(field, token)
            case AttributeType.BOOL:
                return self._truth(field, token)
            case AttributeType.TIME:
                return self._time(field, token)

    def string(self, token: Token) -> str:
        """Return what a quoted text says.

        Raises:
            InvalidArgument: An escape is unknown.
        """
        start = token.start_pos or 0

        def unescape(found: re.Match[str]) -> str:
            code = found[1]
            character = chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code)
            if character is None or character == "\0" or "\ud800" <= character <= "\udfff":
                known = "\\\\, \\\", \\', \\n, \\r, \\t or \\u and four hexadecimal digits of a character"
                raise fault(self._text, start + 1 + found.start(), f"{found[0]!r} is no escape", known)
            return character

        return _ESCAPE.sub(unescape, token[1:-1])

    def text(self, field: Field, token: Token) -> str:
        """Return the text at `token`. Raises as `scalar`."""
        if token.type != "STRING":
            raise self._mismatch(field, token, "a text in quotes")
        return self.string(token)

    def _plain(self, field: Field, token: Token) -> Scalar:
        """Return the value as what it looks like."""
        match token.type:
            case "STRING":
                return self.string(token)
            case "NUMBER" if _WHOLE.fullmatch(token):
                return self._whole(field, token)
            case "NUMBER":
                return self._number(field, token)
            case "TRUE" | "FALSE":
                return self._truth(field, token)
            case _:
                raise self._mismatch(field, token, "a text in quotes, a number, TRUE or FALSE")

    def _whole(self, field: Field, token: Token) -> int:
        expected = "a whole number of 64 bits"
        # Longer digits than any such number has are not worth reading.
        if token.type != "NUMBER" or not _WHOLE.fullmatch(token) or len(token.lstrip("+-0")) > 20:
            raise self._mismatch(field, token, expected)
        number = int(token)
        if number not in INT64:
            raise self._mismatch(field, token, expected)
        return number

    def _number(self, field: Field, token: Token) -> float:
        if token.type != "NUMBER" or not math.isfinite(float(token)):
            raise self._mismatch(field, token, "a finite number")
        # Zero has one sign, so that no engine can tell two apart.
        return float(token) + 0.0

    def _truth(self, field: Field, token: Token) -> bool:
        if token.type not in {"TRUE", "FALSE"}:
            raise self._mismatch(field, token, "TRUE or FALSE")
        return token.type == "TRUE"

    def _time(self, field: Field, token: Token) -> datetime:
        expected = "a time as in 2026-01-31T12:00:00Z, or a date"
        if token.type not in {"TIME", "STRING"}:
            raise self._mismatch(field, token, expected)
        written = self.string(token) if token.type == "STRING" else str(token)
        try:
            moment = datetime.fromisoformat(written.upper())
            if len(written) == len("2026-01-31"):
                moment = moment.replace(tzinfo=UTC)
            if moment.tzinfo is None:
                raise self._mismatch(field, token, expected)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._mismatch(field, token, expected) from None

    def _mismatch(self, field: Field, token: Token, expected: str) -> Exception:
        shown = token if len(token) <= _SHOWN else f"{token[:_SHOWN]}…"
        return fault(
            self._text, token.start_pos or 0, f"{shown} does not fit {field.name}{type_shown(field)}", expected
        )


def type_shown(field: Field) -> str:
    """Return what is said of the type of a field behind its name."""
    match field.type:
        case None:
            return ""
        case AttributeType.STRING_LIST:
            return ", a list of texts"
        case declared:
            return f", a {declared.value}"
