"""Attributes as JSON that keeps their types: a time is an object, everything else is itself."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from sensorium.model.collection import AttributeType
from sensorium.model.document import AttributeValue
from sensorium.storage.moments import from_micros, to_micros

Json = str | int | float | bool | list[str] | dict[str, int]

TYPES: Mapping[type, AttributeType] = {
    str: AttributeType.STRING,
    bool: AttributeType.BOOL,
    int: AttributeType.INT,
    float: AttributeType.DOUBLE,
    datetime: AttributeType.TIME,
    tuple: AttributeType.STRING_LIST,
}


def to_json(value: AttributeValue) -> Json:
    """Return `value` as JSON."""
    match value:
        case datetime():
            return {"time": to_micros(value)}
        case tuple():
            return list(value)
        case _:
            return value


def from_json(value: Json) -> AttributeValue:
    """Return the value that `to_json` made JSON of."""
    match value:
        case dict():
            return from_micros(value["time"])
        case list():
            return tuple(value)
        case _:
            return value


def attributes_from_json(attributes: Mapping[str, Json], names: Iterable[str] = ()) -> dict[str, AttributeValue]:
    """Return the attributes, or those of `names` alone when any are given."""
    chosen = set(names)
    wanted: Callable[[str], bool] = chosen.__contains__ if chosen else lambda _name: True
    return {name: from_json(value) for name, value in attributes.items() if wanted(name)}
