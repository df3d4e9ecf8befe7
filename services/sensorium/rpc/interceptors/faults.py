"""Gives whatever a servicer raises a name that its caller can act on, without telling what is inside."""

import asyncio

from sensorium.context import CallContext
from sensorium.errors import Cancelled, DeadlineExceeded, Internal, SensoriumError


def error_from(fault: BaseException, call: CallContext) -> SensoriumError:
    """Return our own errors as they are, and a name for any other; the cause keeps its traceback for the log."""
    if isinstance(fault, SensoriumError):
        return fault
    error = _cancelled(call) if isinstance(fault, asyncio.CancelledError) else _internal(call)
    error.__cause__ = fault
    return error


def _cancelled(call: CallContext) -> SensoriumError:
    """Return why gRPC cancelled the call: its deadline passed, or its caller went away."""
    late = (call.remaining() or 0) <= 0
    return DeadlineExceeded("the deadline passed") if late else Cancelled("the caller went away")


def _internal(call: CallContext) -> SensoriumError:
    return Internal(f"an internal error; the server's log has it under request id {call.request_id}")
