"""Writes one line per call: what was called, how it ended, how long it took. Never what was in it."""

import logging
from typing import Any

import structlog

from sensorium.errors import DataLoss, Internal, SensoriumError
from sensorium.rpc.status import status_code

_OURS = (Internal, DataLoss)  # faults of this side, for somebody to look at


class AccessLog:
    """The event `call`: DEBUG for a success, INFO for a caller's error, ERROR with the traceback for our own."""

    def __init__(self) -> None:
        self._log: Any = structlog.get_logger()

    def ended(self, method: str, seconds: float, rpc: Any, error: SensoriumError | None) -> None:
        """Write one call."""
        if error:
            self._failed(method, seconds, rpc, error)
        elif self._log.is_enabled_for(logging.DEBUG):
            self._log.debug("call", method=method, code="OK", ms=_milliseconds(seconds), peer=rpc.peer())

    def _failed(self, method: str, seconds: float, rpc: Any, error: SensoriumError) -> None:
        ours = isinstance(error, _OURS)
        self._log.log(
            logging.ERROR if ours else logging.INFO,
            "call",
            method=method,
            code=status_code(error).name,
            reason=error.reason.value,
            ms=_milliseconds(seconds),
            peer=rpc.peer(),
            **({"exc_info": error} if ours else {}),
        )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1e3, 3)
