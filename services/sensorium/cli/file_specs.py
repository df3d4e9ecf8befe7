"""File records as lines of JSON: what `dataset add-files` and `dataset change-files` read."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sensorium.cli.lines import Line
from sensorium.model.document import AttributeValue
from sensorium.model.file_batch import FileChange, FileSpec

_KINDS: Mapping[str, tuple[type, str]] = {
    "uri": (str, "a text"),
    "content_type": (str, "a text"),
    "fingerprint": (str, "a text"),
    "file_update_time": (str, "a time as in 2026-01-31T12:00:00Z"),
    "file_create_time": (str, "a time as in 2026-01-31T12:00:00Z"),
    "size_bytes": (int, "a whole number"),
    "width": (int, "a whole number"),
    "height": (int, "a whole number"),
    "duration_ms": (int, "a whole number"),
    "attributes": (dict, "an object"),
    "comment": (str, "a text"),
}


def read_spec(line: Line) -> FileSpec:
    """Read the record of a line. Raises InvalidArgument, naming the line and the field."""
    return _spec(line, _object(line))


def read_change(line: Line) -> FileChange:
    """Read the change of a line, which has the file's `id`. Raises InvalidArgument, naming the line and the field."""
    said = _object(line)
    identifier = said.pop("id", None)
    if not isinstance(identifier, str):
        raise line.invalid("id", "must be a text")
    return FileChange(identifier, _spec(line, said))


def _object(line: Line) -> dict[str, Any]:
    try:
        said = json.loads(line.text())
    except (ValueError, RecursionError) as error:
        raise line.invalid("", f"is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise line.invalid("", "is not a JSON object")
    return said


def _spec(line: Line, said: Mapping[str, Any]) -> FileSpec:
    for field, value in said.items():
        kind, shown = _KINDS.get(field, (None, ""))
        if kind is None:
            raise line.invalid(field, f"is unknown; a record has {', '.join(_KINDS)}")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise line.invalid(field, f"must be {shown}")
    times = {field: _moment(line, field, value) for field, value in said.items() if field.endswith("_time")}
    attributes = {name: _attribute(line, name, value) for name, value in said.get("attributes", {}).items()}
    return FileSpec(**{**said, **times, "attributes": attributes})


def _attribute(line: Line, name: str, value: Any) -> AttributeValue:
    match value:
        case str() | int() | float():
            return value
        case list() if all(isinstance(each, str) for each in value):
            return tuple(value)
        case _:
            raise line.invalid(f"attributes[{name!r}]", "must be a text, a number, true, false or a list of texts")


def _moment(line: Line, field: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise line.invalid(field, f"must be {_KINDS[field][1]}") from None
    if moment.tzinfo is None:
        raise line.invalid(field, "needs a zone")
    return moment
