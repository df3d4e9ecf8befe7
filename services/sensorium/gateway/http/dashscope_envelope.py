"""How DashScope says no: a code, a message and the request id, never with status 200."""

from collections.abc import Mapping

from sensorium import errors
from sensorium.errors import Reason, SensoriumError
from sensorium.gateway.http.refusals import WrongMethod

_CODES: Mapping[type[SensoriumError], str] = {
    errors.Unauthenticated: "InvalidApiKey",
    errors.PermissionDenied: "AccessDenied",
    errors.NotFound: "InvalidURL",
    errors.InvalidArgument: "InvalidParameter",
    errors.FailedPrecondition: "InvalidParameter",
    errors.AlreadyExists: "Conflict",
    errors.ResourceExhausted: "Throttling",
    errors.DeadlineExceeded: "GatewayTimeout",
    errors.Unavailable: "ServiceUnavailable",
    errors.Unimplemented: "NotImplemented",
    WrongMethod: "MethodNotAllowed",
    SensoriumError: "InternalError",
}


def dashscope_envelope(error: SensoriumError, status: int, request_id: str) -> tuple[int, object]:
    """Return DashScope's error."""
    return status, {"code": _code(error), "message": error.message, "request_id": request_id}


def _code(error: SensoriumError) -> str:
    match error.reason:
        case Reason.MODEL_NOT_FOUND:
            return "Model.NotExist"
        case Reason.MESSAGE_TOO_LARGE:
            return "InvalidParameter.DataTooLarge"
        case Reason.RATE_LIMITED if error.metadata.get("unit", "").startswith("tokens"):
            return "Throttling.AllocationQuota"
        case Reason.RATE_LIMITED:
            return "Throttling.RateQuota"
        case _:
            return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
