"""Documents as lines of JSON: what `document upsert` reads."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from sensorium.cli.lines import Line
from sensorium.client import Content, Document, Part, audio, image

FIELDS = frozenset({"id", "text", "image", "audio", "vector", "tags", "attributes"})


def read_document(line: Line) -> Document:
    """Read `{"id", "text", "image" and "audio" or "vector", "tags"?, "attributes"?}`.

    Raises:
        InvalidArgument: The line is no such document; names the line and the field.
    """
    record = _record(line)
    if unknown := sorted(record.keys() - FIELDS):
        raise line.invalid(unknown[0], f"is unknown; a document has {', '.join(sorted(FIELDS))}")
    return Document(
        _checked(line, record, "id", str),
        content=_content(line, record),
        vector=_vector(line, record["vector"]) if "vector" in record else None,
        tags=_texts(line, "tags", record.get("tags", [])),
        attributes=_attributes(line, record.get("attributes", {})),
    )


def _content(line: Line, record: dict[str, Any]) -> Content | None:
    """Return the text, image and sound of a record as one content; None when it has none of them."""
    makers: dict[str, Callable[[str], Part]] = {"text": Part.of_text, "image": image, "audio": audio}
    try:
        parts = [make(_checked(line, record, field, str)) for field, make in makers.items() if field in record]
    except OSError as error:
        raise line.invalid("", f"names {error.filename}: {error.strerror}") from None
    return Content(tuple(parts)) if parts else None


def _record(line: Line) -> dict[str, Any]:
    try:
        record = json.loads(line.text())
    except ValueError as error:
        raise line.invalid("", f"is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise line.invalid("", "is not a JSON object")
    return record


def _checked(line: Line, record: dict[str, Any], field: str, kind: type) -> Any:
    if not isinstance(value := record.get(field), kind):
        raise line.invalid(field, "must be a text")
    return value


def _texts(line: Line, field: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise line.invalid(field, "must be a list of texts")
    return tuple(value)


def _vector(line: Line, value: object) -> "np.ndarray[Any, np.dtype[np.float32]]":
    try:
        return np.asarray(value, np.float32)
    except (TypeError, ValueError):
        raise line.invalid("vector", "must be a list of numbers") from None


def _attributes(line: Line, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise line.invalid("attributes", "must be an object")
    return {name: _attribute(line, f"attributes.{name}", each) for name, each in value.items()}


def _attribute(line: Line, field: str, value: object) -> object:
    match value:
        case str() | bool() | int() | float():
            return value
        case list():
            return _texts(line, field, value)
        case _:
            raise line.invalid(field, "must be a text, a number, true, false or a list of texts")
