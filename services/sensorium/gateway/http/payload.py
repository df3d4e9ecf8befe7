"""JSON: bodies become frozen dataclasses, whose types say what is allowed, and answers become bytes."""

from typing import TypeVar

import msgspec
import orjson

from sensorium.errors import InvalidArgument, Reason

T = TypeVar("T")

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def read_json(body: bytes, kind: type[T]) -> T:
    """Return what a body holds, whatever its content type says; what `kind` does not know is ignored.

    Raises:
        InvalidArgument: REQUEST_MALFORMED: no JSON. FIELD_INVALID: a field of another type, which is named.
    """
    try:
        return msgspec.convert(orjson.loads(body), kind)
    except orjson.JSONDecodeError as fault:
        raise InvalidArgument(f"the body is not JSON: {fault}", reason=Reason.REQUEST_MALFORMED) from None
    except msgspec.ValidationError as fault:
        message, field = _place(str(fault))
        raise InvalidArgument(message, field=field) from None


def to_json(answer: object) -> bytes:
    """Return compact JSON in UTF-8; arrays of numpy become lists, float32 in as few digits as tell them apart."""
    return orjson.dumps(answer, option=_OPTIONS)


def number(value: float | str, field: str) -> float:
    """Return a number that may have come as text (`"0.5"`). Raises InvalidArgument."""
    try:
        return float(value)
    except ValueError:
        raise InvalidArgument(f"{field}: {value[:40]!r} is no number", field=field) from None  # type: ignore[index]


def _place(message: str) -> tuple[str, str]:
    """Return a message of msgspec with the field in front, and the field: `Expected … - at `$.input[1]``."""
    told, _, path = message.partition(" - at `$")
    field = path.rstrip("`").removeprefix(".")
    return (f"{field}: {told[:1].lower()}{told[1:]}" if field else told), field
