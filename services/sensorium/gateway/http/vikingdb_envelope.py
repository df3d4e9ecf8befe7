"""How VikingDB says no: with integers in its older APIs, with names in the newer one."""

from collections.abc import Mapping

from sensorium import errors
from sensorium.errors import Reason, SensoriumError

_MODEL_REASONS = {Reason.MODEL_NOT_FOUND, Reason.MODALITY_UNSUPPORTED}
_CODES: Mapping[type[SensoriumError], tuple[int, str]] = {
    errors.Unauthenticated: (1000001, "Unauthorized"),
    errors.PermissionDenied: (1000002, "NoPermission"),
    errors.InvalidArgument: (1000003, "InvalidParameter"),
    errors.FailedPrecondition: (1000006, "OperationNotAllowed"),
    errors.NotFound: (1000024, "NotFound"),
    errors.Unimplemented: (1000024, "NotImplemented"),
    errors.ResourceExhausted: (1000029, "QuotaLimiter"),
    SensoriumError: (1000028, "InternalError"),
}
_CALCULATION_FAILED = (1000025, "CalcEmbeddingFailed")


def vikingdb_envelope(error: SensoriumError, status: int, request_id: str) -> tuple[int, object]:
    """Return the error of `/api/data`: a model that is not there, or cannot read what it was given, is a 404."""
    if error.reason in _MODEL_REASONS:
        message = f"failed to calcTextEmbedding, {error.message}"
        return 404, {"code": _CALCULATION_FAILED[0], "message": message, "request_id": request_id}
    return status, {"code": _code(error)[0], "message": error.message, "request_id": request_id}


def viking_envelope(error: SensoriumError, status: int, request_id: str) -> tuple[int, object]:
    """Return the error of `/api/vikingdb`."""
    code = _CALCULATION_FAILED[1] if error.reason in _MODEL_REASONS else _code(error)[1]
    return status, {"code": code, "message": error.message, "request_id": request_id, "api": "vikingdb"}


def _code(error: SensoriumError) -> tuple[int, str]:
    if error.reason is Reason.MESSAGE_TOO_LARGE:
        return _CODES[errors.InvalidArgument]
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
