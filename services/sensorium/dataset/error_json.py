"""Errors as JSON, for the ledger."""

from typing import Any

from sensorium import errors
from sensorium.errors import Reason, SensoriumError

_KINDS = {kind.__name__: kind for kind in SensoriumError.__subclasses__()}


def error_to_json(error: SensoriumError | None) -> dict[str, Any]:
    """Return what is kept of an error; nothing for none."""
    if error is None:
        return {}
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "reason": error.reason.value,
        "field": error.field,
        "metadata": error.metadata,
    }


def file_error_to_json(error: SensoriumError) -> dict[str, Any]:
    """Return what is kept of the error of one file, without its place in a request that nobody else has seen."""
    kept, place = error_to_json(error), f"{error.field}: "
    return kept | {"message": error.message.removeprefix(place), "field": ""} if error.field else kept


def error_from_json(kept: dict[str, Any]) -> SensoriumError | None:
    """Return the error that was kept; None for nothing."""
    if not kept:
        return None
    kind = _KINDS.get(kept["kind"], errors.Internal)
    return kind(kept["message"], reason=Reason(kept["reason"]), field=kept["field"], metadata=kept["metadata"])
