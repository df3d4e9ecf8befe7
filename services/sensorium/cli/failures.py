"""What a command says when it fails, and the exit status by which a script tells why."""

from enum import IntEnum

from sensorium.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    SensoriumError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)


class ExitStatus(IntEnum):
    """The exit statuses of every command."""

    FAULT = 1
    INVALID = 2
    NOT_FOUND = 3
    UNAVAILABLE = 4
    REFUSED = 5
    PARTIAL = 6
    NOT_ALLOWED = 7


EXPLAINED = (
    "Exit status: 0 done, 1 a fault of the mesh, 2 a wrong option or request, 3 not found, 4 the mesh is not running, "
    "full or out of time, 5 refused in its present state (it exists, holds documents, …), 6 some items failed, "
    "7 not allowed, 130 interrupted."
)

# How sensorium.rpc.status notes the id on an error that it brings back.
_REQUEST_NOTE = "request id: "

_STATUSES: dict[type[SensoriumError], ExitStatus] = {
    InvalidArgument: ExitStatus.INVALID,
    Unimplemented: ExitStatus.INVALID,
    NotFound: ExitStatus.NOT_FOUND,
    Unavailable: ExitStatus.UNAVAILABLE,
    DeadlineExceeded: ExitStatus.UNAVAILABLE,
    ResourceExhausted: ExitStatus.UNAVAILABLE,
    Cancelled: ExitStatus.UNAVAILABLE,
    AlreadyExists: ExitStatus.REFUSED,
    FailedPrecondition: ExitStatus.REFUSED,
    Aborted: ExitStatus.REFUSED,
    Unauthenticated: ExitStatus.NOT_ALLOWED,
    PermissionDenied: ExitStatus.NOT_ALLOWED,
}


def exit_status(error: SensoriumError) -> ExitStatus:
    """Return the exit status that stands for `error`."""
    return _STATUSES.get(type(error), ExitStatus.FAULT)


def described(error: SensoriumError) -> dict[str, object]:
    """Return an error for programs."""
    places = {"field": error.field, "request_id": request_id(error)}
    known = {name: value for name, value in places.items() if value}
    return {"reason": error.reason.value, "message": error.message, **known, **error.metadata}


def one_line(error: SensoriumError) -> str:
    """Return an error for people: reason, message, and where to look."""
    places = {"field": error.field, "request": request_id(error)}
    known = ", ".join(f"{name} {value}" for name, value in places.items() if value)
    message = " ".join(error.message.split())
    return f"{error.reason}: {message}" + (f" ({known})" if known else "")


def request_id(error: SensoriumError) -> str:
    """Return the id of the call that failed at a server; empty for an error of this side."""
    ids = [note.removeprefix(_REQUEST_NOTE) for note in _notes(error) if note.startswith(_REQUEST_NOTE)]
    return ids[0] if ids else ""


def hints(error: SensoriumError) -> list[str]:
    """Return what was noted on an error to help."""
    return [note for note in _notes(error) if not note.startswith(_REQUEST_NOTE)]


def _notes(error: SensoriumError) -> list[str]:
    return getattr(error, "__notes__", [])
