"""Update masks: which fields of a message an update changes."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from sensorium.errors import InvalidArgument

Field = TypeVar("Field", bound=StrEnum)


def fields_from_mask(mask: FieldMask, message: Message, kinds: type[Field]) -> tuple[Field, ...]:
    """Return the fields that a mask names, or those that are set when it is empty.

    Raises:
        InvalidArgument: A path is none of `kinds`; names `update_mask`.
    """
    known = {kind.value: kind for kind in kinds}
    if not mask.paths:
        named = {descriptor.name for descriptor, _ in message.ListFields()}
        return tuple(kind for kind in kinds if kind.value in named)
    for path in mask.paths:
        if path not in known:
            raise InvalidArgument(f"update_mask: {path!r} is not one of {', '.join(known)}", field="update_mask")
    return tuple(dict.fromkeys(known[path] for path in mask.paths))


def mask_of(fields: Iterable[Any]) -> FieldMask:
    """Return the mask that names `fields`. Raises InvalidArgument for none, as an empty mask means something else."""
    if not (fields := tuple(fields)):
        raise InvalidArgument("update_mask: there is nothing to change", field="update_mask")
    return FieldMask(paths=[str(field) for field in fields])
