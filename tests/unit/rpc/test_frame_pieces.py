"""The small pieces of the frame, each by itself."""

import asyncio
import time

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from sensorium import context, errors
from sensorium.context import CallContext, Stage
from sensorium.errors import Reason
from sensorium.rpc.address import check_bindable, is_loopback, join
from sensorium.rpc.interceptors.admission import Admission
from sensorium.rpc.interceptors.deadline import allowed_seconds
from sensorium.rpc.interceptors.faults import error_from
from sensorium.rpc.interceptors.messages import decoder, encoder
from sensorium.rpc.interceptors.request_id import request_id_from
from sensorium.rpc.interceptors.timings import server_timing
from sensorium.rpc.readiness import Readiness


@given(st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True))
def test_a_sane_request_id_is_kept(given_id: str) -> None:
    assert request_id_from({"x-request-id": given_id}) == given_id


@pytest.mark.parametrize("given_id", ["", "a b", "a\nb", "ä", "x" * 129, "{}"])
def test_another_request_id_is_replaced(given_id: str) -> None:
    assert len(request_id_from({"x-request-id": given_id})) == 32


def test_a_call_without_a_request_id_gets_one_of_its_own() -> None:
    assert request_id_from({}) != request_id_from({})


@pytest.mark.parametrize(("asked", "allowed"), [(None, 10), (20.0, 10), (10.0, 10), (3.0, 3.0), (0.0, 0.0)])
def test_a_deadline_is_capped(asked: float | None, allowed: float) -> None:
    assert allowed_seconds(asked, 10) == allowed


def test_server_timing_names_each_stage_in_milliseconds() -> None:
    text = server_timing({Stage.QUEUE: 0.0004, Stage.INFERENCE: 0.0061}, 0.007)
    assert text == "queue;dur=0.400, inference;dur=6.100, total;dur=7.000"


async def test_an_expired_call_is_refused_before_it_runs() -> None:
    async def work() -> None:
        pytest.fail("it ran")

    with pytest.raises(errors.DeadlineExceeded, match="before the call was started"):
        await Admission(1).run(0, work)


async def test_a_timeout_of_the_servicers_own_is_not_taken_for_the_deadline() -> None:
    async def work() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await Admission(1).run(5, work)


async def test_a_place_is_free_again_when_its_call_fails() -> None:
    admission = Admission(1)

    async def work() -> None:
        raise errors.NotFound(f"{len(admission)} at work")

    with pytest.raises(errors.NotFound, match="1 at work"):
        await admission.run(5, work)
    assert len(admission) == 0


def test_our_own_errors_stay_what_they_are() -> None:
    error = errors.NotFound("x")
    assert error_from(error, CallContext()) is error


def test_a_foreign_error_tells_its_request_id_and_nothing_else() -> None:
    error = error_from(RuntimeError("password"), CallContext("call-7"))
    assert isinstance(error, errors.Internal)
    assert "call-7" in error.message
    assert "password" not in error.message
    assert isinstance(error.__cause__, RuntimeError)


@pytest.mark.parametrize(("left", "kind"), [(5.0, errors.Cancelled), (-5.0, errors.DeadlineExceeded)])
def test_a_cancelled_call_is_told_from_a_late_one(left: float, kind: type[errors.SensoriumError]) -> None:
    assert type(error_from(asyncio.CancelledError(), CallContext(deadline=time.monotonic() + left))) is kind


@pytest.mark.parametrize("fault", [DecodeError("x"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")])
def test_a_request_that_cannot_be_read_is_the_callers_fault(fault: Exception) -> None:
    def deserialize(_raw: bytes) -> None:
        raise fault

    with pytest.raises(errors.InvalidArgument) as raised:
        decoder(deserialize)(b"")
    assert raised.value.reason is Reason.REQUEST_MALFORMED


def test_a_response_above_the_limit_says_how_large_it_is() -> None:
    encode = encoder(bytes, 3)
    assert encode(b"abc") == b"abc"
    with pytest.raises(errors.ResourceExhausted) as raised:
        encode(b"abcd")
    assert raised.value.metadata == {"limit": "3", "actual": "4"}


def test_a_check_fails_until_it_is_set() -> None:
    readiness = Readiness("triton", "store")
    readiness.set("store", True)
    assert readiness.failing() == {"triton": "not started"}
    assert readiness.failing({"store"}) == {}


def test_expecting_a_check_that_passes_already_changes_nothing() -> None:
    readiness = Readiness()
    readiness.set("store", True)
    readiness.expect("store")
    assert readiness.failing() == {}


async def test_followers_see_the_state_at_once_and_after_each_change_until_closed() -> None:
    readiness, seen = Readiness("triton"), asyncio.Queue[bool]()

    async def follow() -> None:
        async for _ in readiness.changes():
            seen.put_nowait(not readiness.failing())

    following = asyncio.create_task(follow())
    assert await seen.get() is False
    readiness.set("triton", True)
    assert await seen.get() is True
    readiness.close()
    await following


async def test_a_follower_that_comes_after_the_end_sees_the_state_and_ends() -> None:
    readiness = Readiness()
    readiness.close()
    assert [None async for _ in readiness.changes()] == [None]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_permission(host: str) -> None:
    check_bindable(host, allowed=False, section="grpc", remedy="")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])  # nosec
def test_a_public_address_is_refused_with_a_remedy_while_anybody_may_call(host: str) -> None:
    assert not is_loopback(host)
    check_bindable(host, allowed=True, section="grpc", remedy="")
    with pytest.raises(errors.FailedPrecondition, match="make a key") as raised:
        check_bindable(host, allowed=False, section="grpc", remedy="make a key")
    assert raised.value.field == "grpc.host"


def test_an_ipv6_address_is_joined_in_brackets() -> None:
    assert (join("::1", 5), join("127.0.0.1", 5)) == ("[::1]:5", "127.0.0.1:5")


def test_outside_a_call_there_is_no_context() -> None:
    assert context.current() is None
