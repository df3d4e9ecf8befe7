"""Carries the project's errors over gRPC and back, so that a remote port raises what a local one raises."""

from collections.abc import Iterable
from typing import NamedTuple

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from sensorium import errors
from sensorium.errors import Reason, SensoriumError

DOMAIN = "sensorium"
DETAILS_KEY = "grpc-status-details-bin"
REQUEST_ID = "request_id"

_CODES: dict[type[SensoriumError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Aborted: grpc.StatusCode.ABORTED,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Cancelled: grpc.StatusCode.CANCELLED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    errors.DataLoss: grpc.StatusCode.DATA_LOSS,
    errors.Internal: grpc.StatusCode.INTERNAL,
    SensoriumError: grpc.StatusCode.INTERNAL,
}
# The classes of codes that gRPC itself or a foreign server may send.
_FOREIGN: dict[int, type[SensoriumError]] = {grpc.StatusCode.OUT_OF_RANGE.value[0]: errors.InvalidArgument}
_CLASSES: dict[int, type[SensoriumError]] = _FOREIGN | {
    code.value[0]: kind for kind, code in _CODES.items() if kind is not SensoriumError
}
_REASONS = frozenset(Reason)

# Trailers travel as headers: clients refuse more than 8 KiB of them. The message travels twice, once percent-encoded
# (a byte becomes three) and once in the details (base64), so these bounds keep the whole below 8 KiB.
_MESSAGE_BYTES = 600
_FIELD_BYTES = 200
_METADATA_ENTRIES = 16
_METADATA_KEY_BYTES = 40
_METADATA_BYTES = 1_500


class _Details(NamedTuple):
    """The details of a status, each empty when it is absent."""

    info: ErrorInfo
    request: BadRequest
    retry: RetryInfo | None


def status_code(error: SensoriumError) -> grpc.StatusCode:
    """Return the code of an error's class, or of the nearest class above it that has one."""
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)


def to_status(error: SensoriumError, request_id: str = "") -> Status:
    """Return the `google.rpc.Status` of an error, for a call's trailers or for one item of a batch.

    Details are `ErrorInfo` always (with `request_id` in its metadata when it is given), `BadRequest` when the error
    names a field, and `RetryInfo` when it says when to come back. Long texts are cut: the message to 600 bytes, the
    field to 200, and metadata to 16 values of 1,500 bytes in all.
    """
    message = _cut(error.message, _MESSAGE_BYTES)
    info = ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=_metadata(error, request_id))
    details: list[ErrorInfo | BadRequest | RetryInfo] = [info]
    if error.field:
        violation = BadRequest.FieldViolation(field=_cut(error.field, _FIELD_BYTES), description=message)
        details.append(BadRequest(field_violations=[violation]))
    if error.retry_after is not None:
        retry = RetryInfo()
        retry.retry_delay.FromNanoseconds(round(max(error.retry_after, 0.0) * 1e9))
        details.append(retry)
    return Status(code=status_code(error).value[0], message=message, details=[_packed(detail) for detail in details])


def from_status(status: Status) -> SensoriumError:
    """Return the error that `to_status` was given. A foreign status maps by its code alone."""
    kind = _CLASSES.get(status.code, errors.Internal)
    info, request, retry = _unpacked(status.details)
    metadata = dict(info.metadata)
    request_id = metadata.pop(REQUEST_ID, "")
    error = kind(
        status.message,
        reason=Reason(info.reason) if info.reason in _REASONS else None,
        field=request.field_violations[0].field if request.field_violations else "",
        metadata=metadata,
        retry_after=retry.retry_delay.ToNanoseconds() / 1e9 if retry else None,
    )
    if request_id:
        error.add_note(f"request id: {request_id}")
    return error


def from_rpc_error(fault: grpc.aio.AioRpcError) -> SensoriumError:
    """Return the error that a server raised, or the one that fits what gRPC itself reports."""
    try:
        status = rpc_status.from_call(fault)  # type: ignore[arg-type]  # It reads what both kinds of call have.
    except (DecodeError, ValueError):  # Details that are damaged, or say something else than the call's code.
        status = None
    return from_status(status) if status else _of_grpc_itself(fault)


def _of_grpc_itself(fault: grpc.aio.AioRpcError) -> SensoriumError:
    """Return the error for a fault that carries no details: the network's, or gRPC's own."""
    message = fault.details() or fault.code().name
    if fault.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "message larger than max" in message:
        return errors.ResourceExhausted(message, reason=Reason.MESSAGE_TOO_LARGE)
    return _CLASSES.get(fault.code().value[0], errors.Internal)(message)


def _metadata(error: SensoriumError, request_id: str) -> dict[str, str]:
    """Return an error's metadata and the request id, every value cut to its share of what fits."""
    entries = list(error.metadata.items())[:_METADATA_ENTRIES]
    share = _METADATA_BYTES // max(len(entries), 1)
    kept = {_cut(key, _METADATA_KEY_BYTES): _cut(value, share) for key, value in entries}
    return kept | ({REQUEST_ID: request_id} if request_id else {})


def _cut(text: str, limit: int) -> str:
    """Return `text` in at most `limit` bytes of UTF-8, with an ellipsis where it was cut."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 3].decode("utf-8", "ignore") + "…"


def _packed(detail: ErrorInfo | BadRequest | RetryInfo) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed


def _unpacked(details: Iterable[AnyMessage]) -> _Details:
    """Return the details that this project sends; others are left out."""
    info, request, retry = ErrorInfo(), BadRequest(), None
    for packed in details:
        if packed.Is(ErrorInfo.DESCRIPTOR):
            packed.Unpack(info)
        elif packed.Is(BadRequest.DESCRIPTOR):
            packed.Unpack(request)
        elif packed.Is(RetryInfo.DESCRIPTOR):
            retry = RetryInfo()
            packed.Unpack(retry)
    return _Details(info, request, retry)
