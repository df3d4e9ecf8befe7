"""Attribute values on the wire."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from sensorium.errors import InvalidArgument
from sensorium.model.document import INT64, AttributeValue
from sensorium.v1 import types_pb2


def attribute_from_proto(value: types_pb2.AttributeValue, field: str) -> AttributeValue:
    """Return the value at `field`; times are in UTC, to the microsecond.

    Raises:
        InvalidArgument: It is unset, a number that is not finite, or a time outside the years 1 to 9999.
    """
    kind = value.WhichOneof("kind")
    if kind is None:
        raise InvalidArgument(f"{field}: a value must be set", field=field)
    return _READERS[kind](getattr(value, kind), field)


def attribute_to_proto(value: AttributeValue, field: str = "value") -> types_pb2.AttributeValue:
    """Return the message for `value`.

    Raises:
        InvalidArgument: A whole number beyond 64 bits, a number that is not finite, a time without a zone, or a type
            that attributes do not have.
    """
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise InvalidArgument(f"{field}: an attribute cannot be a {type(value).__name__}", field=field)
    return writer(value, field)


def _plain(value: Any, _field: str) -> Any:
    return value


def _finite(value: float, field: str) -> float:
    if not math.isfinite(value):
        raise InvalidArgument(f"{field}: must be a finite number, not {value}", field=field)
    return value


def _time(value: Timestamp, field: str) -> datetime:
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"{field}: the time lies outside the years 1 to 9999", field=field) from error


def _strings(value: types_pb2.StringList, _field: str) -> tuple[str, ...]:
    return tuple(value.values)


def _write_int(value: int, field: str) -> types_pb2.AttributeValue:
    if value not in INT64:
        raise InvalidArgument(f"{field}: {value} does not fit 64 bits", field=field)
    return types_pb2.AttributeValue(int_value=value)


def _write_time(value: datetime, field: str) -> types_pb2.AttributeValue:
    if value.tzinfo is None:
        raise InvalidArgument(f"{field}: a time needs a zone", field=field)
    moment = Timestamp()
    moment.FromDatetime(value)
    return types_pb2.AttributeValue(time_value=moment)


_READERS: dict[str, Callable[[Any, str], AttributeValue]] = {
    "string_value": _plain,
    "int_value": _plain,
    "double_value": _finite,
    "bool_value": _plain,
    "time_value": _time,
    "string_list_value": _strings,
}

_WRITERS: dict[type, Callable[[Any, str], types_pb2.AttributeValue]] = {
    str: lambda value, _: types_pb2.AttributeValue(string_value=value),
    int: _write_int,
    float: lambda value, field: types_pb2.AttributeValue(double_value=_finite(value, field)),
    bool: lambda value, _: types_pb2.AttributeValue(bool_value=value),
    datetime: _write_time,
    tuple: lambda value, _: types_pb2.AttributeValue(string_list_value=types_pb2.StringList(values=value)),
}
