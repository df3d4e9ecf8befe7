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


def error_from_json(kept: dict[str, Any]) -> SensoriumError | None:
    """Return the error that was kept; None for nothing."""
    if not kept:
        return None
    kind = _KINDS.get(kept["kind"], errors.Internal)
    return kind(kept["message"], reason=Reason(kept["reason"]), field=kept["field"], metadata=kept["metadata"])
