"""Reads from any message what the guard needs of it: the names in it, how many items it has, what it consumed."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor

_USAGE = "sensorium.v1.Usage"
_DEPTH = 3  # A result of a batch holds a response, which holds its usage.

Path = tuple[str, ...]


def texts_at(message: Any, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the texts at each path (`requests.parent`), of every item of a list; none for a choice not taken."""
    return tuple(text for path in paths for text in _walk(message, _split(path)))


def count_at(message: Any, path: str) -> int:
    """Return how many items the list at `path` has."""
    return sum(1 for _ in _walk(message, _split(path)))


def tokens_in(response: Any) -> int:
    """Return the tokens of every `Usage` in a response, of a batch's results too."""
    return sum(usage.token_count for path in _usage_paths(response.DESCRIPTOR) for usage in _walk(response, path))


@cache
def _split(path: str) -> Path:
    return tuple(path.split("."))


def _walk(message: Any, path: Path) -> Iterator[Any]:
    """Yield what is at `path`."""
    field = message.DESCRIPTOR.fields_by_name[path[0]]
    if field.containing_oneof and not message.HasField(path[0]):
        return
    value = getattr(message, path[0])
    for each in value if field.is_repeated else (value,):
        if len(path) == 1:
            yield each
        else:
            yield from _walk(each, path[1:])


@cache
def _usage_paths(message: Descriptor, depth: int = _DEPTH) -> tuple[Path, ...]:
    """Return the paths of the fields that are a `Usage`; what reports its own is not searched for more."""
    inner = [field for field in message.fields if field.message_type]
    own = tuple((field.name,) for field in inner if field.message_type.full_name == _USAGE)
    if own or not depth:
        return own
    return tuple((field.name, *path) for field in inner for path in _usage_paths(field.message_type, depth - 1))
