"""Every error that this project raises on purpose, so that a fault has one name on both sides of a wire.

SensoriumError
├── InvalidArgument      the request is wrong; repeating it cannot help
├── Unauthenticated      no key, or not a good one
├── PermissionDenied     a good key without the role or the scope
├── NotFound             what the request names does not exist
├── AlreadyExists        what the request creates exists
├── FailedPrecondition   the request is right, the state of the system is not
├── Aborted              somebody else changed it first
├── ResourceExhausted    a queue or a rate is full; try again after `retry_after`
├── DeadlineExceeded     the deadline passed, or could not be met
├── Cancelled            the caller went away
├── Unavailable          a backend or this server cannot answer now
├── Unimplemented        published, but not built yet
├── DataLoss             stored bytes are damaged
└── Internal             a fault of this project
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Why a call failed: the names of `ErrorReason` in error_reason.proto, which documents them."""

    FIELD_INVALID = "FIELD_INVALID"
    REQUEST_MALFORMED = "REQUEST_MALFORMED"
    NAME_INVALID = "NAME_INVALID"
    CONTENT_EMPTY = "CONTENT_EMPTY"
    CONTENT_TOO_LONG = "CONTENT_TOO_LONG"
    TOO_MANY_ITEMS = "TOO_MANY_ITEMS"
    MODALITY_UNSUPPORTED = "MODALITY_UNSUPPORTED"
    OPTION_UNSUPPORTED = "OPTION_UNSUPPORTED"
    MEDIA_UNDECODABLE = "MEDIA_UNDECODABLE"
    URI_REFUSED = "URI_REFUSED"
    VECTOR_INVALID = "VECTOR_INVALID"
    DIMENSION_MISMATCH = "DIMENSION_MISMATCH"
    ATTRIBUTE_TYPE_MISMATCH = "ATTRIBUTE_TYPE_MISMATCH"
    FILTER_INVALID = "FILTER_INVALID"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"
    MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
    COLLECTION_NOT_FOUND = "COLLECTION_NOT_FOUND"
    DOCUMENT_NOT_FOUND = "DOCUMENT_NOT_FOUND"
    TAG_DEFINITION_NOT_FOUND = "TAG_DEFINITION_NOT_FOUND"
    RESOURCE_NOT_FOUND = "RESOURCE_NOT_FOUND"
    RESOURCE_EXISTS = "RESOURCE_EXISTS"
    CONTENT_NOT_EMBEDDED = "CONTENT_NOT_EMBEDDED"
    MODEL_MISMATCH = "MODEL_MISMATCH"
    COLLECTION_NOT_EMPTY = "COLLECTION_NOT_EMPTY"
    FILE_UNUSABLE = "FILE_UNUSABLE"
    CONFLICT = "CONFLICT"
    QUEUE_FULL = "QUEUE_FULL"
    RATE_LIMITED = "RATE_LIMITED"
    STORAGE_FULL = "STORAGE_FULL"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    BACKEND_UNAVAILABLE = "BACKEND_UNAVAILABLE"
    MODEL_NOT_READY = "MODEL_NOT_READY"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    KEY_INVALID = "KEY_INVALID"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    NOT_BUILT = "NOT_BUILT"
    DATA_DAMAGED = "DATA_DAMAGED"
    CANCELLED = "CANCELLED"
    INTERNAL = "INTERNAL"
    COLLECTION_IN_USE = "COLLECTION_IN_USE"
    STATE_UNFIT = "STATE_UNFIT"
    VERSION_PUBLISHED = "VERSION_PUBLISHED"
    RESOURCE_IN_USE = "RESOURCE_IN_USE"
    VERSION_UNFINISHED = "VERSION_UNFINISHED"
    NOT_INDEXED = "NOT_INDEXED"
    CONNECTION_UNUSABLE = "CONNECTION_UNUSABLE"
    CONTENT_REFUSED = "CONTENT_REFUSED"
    FILE_UNREADABLE = "FILE_UNREADABLE"


class SensoriumError(Exception):
    """An error that a caller can act on.

    Attributes:
        message: What was wrong, with which field or item, and what the limit is.
        reason: The same for programs.
        field: The path of the field at fault (`contents[3].parts[0].text`), for `BadRequest`; empty when there is none.
        metadata: Details by name, as the reason documents them.
        retry_after: Seconds after which a repeat may succeed; None when it cannot be said.
    """

    default_reason: ClassVar[Reason] = Reason.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        reason: Reason | None = None,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.field = field
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after


class InvalidArgument(SensoriumError):
    """The request is wrong; repeating it cannot help."""

    default_reason = Reason.FIELD_INVALID


class Unauthenticated(SensoriumError):
    """The call carries no key, or one that is unknown, revoked or expired."""

    default_reason = Reason.KEY_INVALID


class PermissionDenied(SensoriumError):
    """The key is good but lacks the role or the scope."""

    default_reason = Reason.PERMISSION_DENIED


class NotFound(SensoriumError):
    """What the request names does not exist."""

    default_reason = Reason.RESOURCE_NOT_FOUND


class AlreadyExists(SensoriumError):
    """What the request creates exists."""

    default_reason = Reason.RESOURCE_EXISTS


class FailedPrecondition(SensoriumError):
    """The request is right, the state of the system is not."""

    default_reason = Reason.FILE_UNUSABLE


class Aborted(SensoriumError):
    """Somebody else changed the resource first."""

    default_reason = Reason.CONFLICT


class ResourceExhausted(SensoriumError):
    """A queue or a rate is full; try again after `retry_after`."""

    default_reason = Reason.QUEUE_FULL


class DeadlineExceeded(SensoriumError):
    """The deadline passed, or could not be met and nothing was started."""

    default_reason = Reason.DEADLINE_EXCEEDED


class Cancelled(SensoriumError):
    """The caller went away."""

    default_reason = Reason.CANCELLED


class Unavailable(SensoriumError):
    """A backend or this server cannot answer now."""

    default_reason = Reason.BACKEND_UNAVAILABLE


class Unimplemented(SensoriumError):
    """The contract is published, the work behind it is not built yet."""

    default_reason = Reason.NOT_BUILT


class DataLoss(SensoriumError):
    """Stored bytes are damaged."""

    default_reason = Reason.DATA_DAMAGED


class Internal(SensoriumError):
    """A fault of this project."""

    default_reason = Reason.INTERNAL


def located(error: SensoriumError, field: str) -> SensoriumError:
    """Return `error` with the field that it is about."""
    return type(error)(
        f"{field}: {error.message}",
        reason=error.reason,
        field=field,
        metadata=error.metadata,
        retry_after=error.retry_after,
    )
