"""What errors are in HTTP: statuses, and the headers that say when to come back."""

import math
from collections.abc import Mapping

from sensorium import errors
from sensorium.errors import Reason, SensoriumError


class WrongMethod(errors.InvalidArgument):
    """The path is there, for other methods.

    Args:
        allowed: The methods.
    """

    def __init__(self, allowed: tuple[str, ...]) -> None:
        names = ", ".join(allowed)
        super().__init__(f"the method is not one of this path, which takes {names}", metadata={"allowed": names})


class TooSlow(errors.DeadlineExceeded):
    """The request did not come in its time."""


class NotAcceptedHere(errors.PermissionDenied):
    """The request names a host that this server is not."""


_STATUSES: Mapping[type[SensoriumError], int] = {
    errors.InvalidArgument: 400,
    errors.Unauthenticated: 401,
    errors.PermissionDenied: 403,
    errors.NotFound: 404,
    errors.AlreadyExists: 409,
    errors.FailedPrecondition: 409,
    errors.Aborted: 409,
    errors.ResourceExhausted: 429,
    errors.DeadlineExceeded: 504,
    errors.Cancelled: 499,  # The caller went away, so nobody reads it; proxies log it.
    errors.Unavailable: 503,
    errors.Unimplemented: 501,
    errors.DataLoss: 500,
    errors.Internal: 500,
    WrongMethod: 405,
    TooSlow: 408,
    SensoriumError: 500,
}


def http_status(error: SensoriumError) -> int:
    """Return the status of an error: that of its class, or of the nearest class above it that has one."""
    if error.reason is Reason.MESSAGE_TOO_LARGE:
        return 413
    return next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)


def refusal_headers(error: SensoriumError) -> dict[str, str]:
    """Return `retry-after` (RFC 9110, whole seconds) and its twin in milliseconds, and `allow`, where they are due."""
    if isinstance(error, WrongMethod):
        return {"allow": error.metadata["allowed"]}
    if error.retry_after is None:
        return {}
    seconds = max(error.retry_after, 0.0)
    return {"retry-after": str(math.ceil(seconds)), "retry-after-ms": str(math.ceil(seconds * 1e3))}


def no_such_path(arrival_path: str) -> errors.NotFound:
    """Return the error for a path that nobody serves."""
    return errors.NotFound(f"there is nothing at {arrival_path[:200]}", metadata={"resource": arrival_path[:200]})
