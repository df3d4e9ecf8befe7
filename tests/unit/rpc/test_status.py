"""An error that crosses the wire is the error that was raised."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio
from hypothesis import given
from hypothesis import strategies as st

from sensorium import errors
from sensorium.errors import Reason, SensoriumError
from sensorium.rpc.status import DETAILS_KEY, from_rpc_error, from_status, status_code, to_status

KINDS = SensoriumError.__subclasses__()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
ERRORS = st.builds(
    lambda kind, message, reason, field, metadata, retry_after: kind(
        message, reason=reason, field=field, metadata=metadata, retry_after=retry_after
    ),
    st.sampled_from(KINDS),
    TEXT,
    st.sampled_from(Reason),
    st.text("abc[0].", max_size=30),
    st.dictionaries(st.text("abcdef", min_size=1, max_size=8), TEXT, max_size=3),
    st.none() | st.floats(0, 1e6),
)


def facts(error: SensoriumError) -> tuple[object, ...]:
    return type(error), error.message, error.reason, error.field, error.metadata


def rpc_error(code: grpc.StatusCode, details: str, trailers: aio.Metadata | None = None) -> aio.AioRpcError:
    return aio.AioRpcError(code, aio.Metadata(), trailers or aio.Metadata(), details, None)


@given(ERRORS)
def test_every_error_survives_the_wire(error: SensoriumError) -> None:
    restored = from_status(Status.FromString(to_status(error).SerializeToString()))
    assert facts(restored) == facts(error)
    assert restored.retry_after == (None if error.retry_after is None else pytest.approx(error.retry_after, abs=1e-9))


@given(ERRORS)
def test_a_failed_call_raises_what_the_server_raised(error: SensoriumError) -> None:
    status = to_status(error, "call-7")
    trailers = aio.Metadata((DETAILS_KEY, status.SerializeToString()))
    restored = from_rpc_error(rpc_error(status_code(error), status.message, trailers))
    assert facts(restored) == facts(error)
    assert restored.__notes__ == ["request id: call-7"]


def test_every_kind_of_error_has_a_code_of_its_own() -> None:
    codes = {status_code(kind("x")) for kind in KINDS}
    assert len(codes) == len(KINDS) == 14


def test_a_kind_derived_from_ours_has_its_code() -> None:
    class CollectionNotFound(errors.NotFound):
        """A kind of a service's own."""

    assert status_code(CollectionNotFound("x")) is grpc.StatusCode.NOT_FOUND


def test_details_are_those_that_the_contract_promises() -> None:
    error = errors.InvalidArgument("too many", field="contents", metadata={"limit": "3"}, retry_after=1.5)
    info, request, retry = to_status(error, "call-7").details
    sent, violation, delay = ErrorInfo(), BadRequest(), RetryInfo()
    assert info.Unpack(sent)
    assert request.Unpack(violation)
    assert retry.Unpack(delay)
    assert (sent.reason, sent.domain, dict(sent.metadata)) == (
        "FIELD_INVALID",
        "sensorium",
        {"limit": "3", "request_id": "call-7"},
    )
    assert [(one.field, one.description) for one in violation.field_violations] == [("contents", "too many")]
    assert delay.retry_delay.ToMilliseconds() == 1500


def test_an_error_without_a_field_or_a_delay_has_no_details_for_them() -> None:
    assert len(to_status(errors.NotFound("x")).details) == 1


@given(st.text(min_size=900), st.text(min_size=900), st.integers(1, 40))
def test_trailers_of_the_longest_error_stay_below_8_kib(message: str, value: str, count: int) -> None:
    error = errors.NotFound(message, field=value, metadata={f"{n}{value}": value for n in range(count)}, retry_after=1)
    status = to_status(error, "r" * 128)
    details = status.SerializeToString()
    assert len(status.message.encode()) * 3 + len(details) * 4 // 3 < 8000


def test_a_text_that_is_no_unicode_can_be_sent() -> None:
    assert to_status(errors.NotFound("lone \ud800 surrogate")).message == "lone ? surrogate"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.Unavailable),
        (grpc.StatusCode.UNIMPLEMENTED, errors.Unimplemented),
        (grpc.StatusCode.OUT_OF_RANGE, errors.InvalidArgument),
        (grpc.StatusCode.UNKNOWN, errors.Internal),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
    ],
)
def test_a_foreign_error_maps_by_its_code(code: grpc.StatusCode, kind: type[SensoriumError]) -> None:
    error = from_rpc_error(rpc_error(code, "words"))
    assert facts(error) == (kind, "words", kind.default_reason, "", {})


def test_a_message_that_grpc_finds_too_large_has_its_reason() -> None:
    error = from_rpc_error(rpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (5 vs. 4)"))
    assert facts(error)[:3] == (
        errors.ResourceExhausted,
        "Received message larger than max (5 vs. 4)",
        "MESSAGE_TOO_LARGE",
    )


@pytest.mark.parametrize("details", [b"\xff\xff", Status(code=5, message="another").SerializeToString()])
def test_details_that_are_damaged_or_contradict_the_code_are_left_out(details: bytes) -> None:
    fault = rpc_error(grpc.StatusCode.UNAVAILABLE, "words", aio.Metadata((DETAILS_KEY, details)))
    assert facts(from_rpc_error(fault))[:2] == (errors.Unavailable, "words")


def test_a_reason_of_a_newer_server_becomes_the_default_of_its_code() -> None:
    packed = AnyMessage()
    packed.Pack(ErrorInfo(reason="FROM_THE_FUTURE", domain="sensorium"))
    assert from_status(Status(code=5, message="x", details=[packed])).reason is Reason.RESOURCE_NOT_FOUND
