"""What the frame does for one call, seen by a foreign client: no interceptors, raw bytes where needed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from framed import EMBED, STREAM_EMBED, Framed, Gate, framed
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio
from structlog.testing import capture_logs

from sensorium import context, errors
from sensorium.context import Stage
from sensorium.rpc.registration import tag_service
from sensorium.rpc.status import DETAILS_KEY
from sensorium.v1.embed_service_pb2 import (
    EmbedRequest,
    EmbedResponse,
    GetModelRequest,
    StreamEmbedRequest,
    StreamEmbedResponse,
)
from sensorium.v1.embed_service_pb2_grpc import EmbedServiceStub
from sensorium.v1.tag_service_pb2 import TagRequest
from sensorium.v1.tag_service_pb2_grpc import TagServiceServicer, TagServiceStub


@pytest.fixture
async def server() -> AsyncIterator[Framed]:
    async with framed(max_message_bytes=4096) as running:
        yield running


@pytest.fixture
async def channel(server: Framed) -> AsyncIterator[aio.Channel]:
    async with aio.insecure_channel(server.address) as open_one:
        yield open_one


def details(fault: aio.AioRpcError) -> tuple[ErrorInfo, RetryInfo]:
    status = Status.FromString(dict(fault.trailing_metadata())[DETAILS_KEY])
    info, retry = ErrorInfo(), RetryInfo()
    assert (status.code, status.message) == (fault.code().value[0], fault.details())
    assert status.details[0].Unpack(info)
    if len(status.details) > 1:
        status.details[-1].Unpack(retry)
    return info, retry


async def fault_of(call: Any) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as raised:
        await call
    return raised.value


async def read_all(call: Any) -> list[Any]:
    return [response async for response in call]


async def test_a_callers_request_id_names_the_call_and_comes_back(server: Framed, channel: aio.Channel) -> None:
    call = EmbedServiceStub(channel).Embed(EmbedRequest(), metadata=(("x-request-id", "call-7"),))
    await call
    assert server.servicer.calls[0].request_id == "call-7"
    assert (await call.trailing_metadata())["x-request-id"] == "call-7"


async def test_a_request_id_unfit_for_a_log_line_is_replaced(server: Framed, channel: aio.Channel) -> None:
    await EmbedServiceStub(channel).Embed(EmbedRequest(), metadata=(("x-request-id", "two words"),))
    assert len(server.servicer.calls[0].request_id) == 32


async def test_an_error_carries_its_reason_its_details_and_the_request_id(server: Framed, channel: aio.Channel) -> None:
    async def fail(_request: EmbedRequest) -> EmbedResponse:
        raise errors.ResourceExhausted("the queue is full", metadata={"limit": "9"}, retry_after=0.25)

    server.servicer.behaviour = fail
    fault = await fault_of(EmbedServiceStub(channel).Embed(EmbedRequest(), metadata=(("x-request-id", "call-7"),)))
    info, retry = details(fault)
    assert fault.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (info.reason, info.domain) == ("QUEUE_FULL", "sensorium")
    assert dict(info.metadata) == {"limit": "9", "request_id": "call-7"}
    assert retry.retry_delay.ToMilliseconds() == 250
    assert dict(fault.trailing_metadata())["x-request-id"] == "call-7"


async def test_an_uncaught_fault_tells_its_caller_the_request_id_and_the_log_the_rest(
    server: Framed, channel: aio.Channel
) -> None:
    async def fail(_request: EmbedRequest) -> EmbedResponse:
        raise RuntimeError("the database password is 1234")

    server.servicer.behaviour = fail
    with capture_logs() as lines:
        fault = await fault_of(EmbedServiceStub(channel).Embed(EmbedRequest(), metadata=(("x-request-id", "call-7"),)))
    assert fault.code() is grpc.StatusCode.INTERNAL
    assert "call-7" in (fault.details() or "")
    assert "1234" not in repr(fault)
    [line] = lines
    assert (line["event"], line["log_level"], line["code"]) == ("call", "error", "INTERNAL")
    assert repr(line["exc_info"].__cause__) == "RuntimeError('the database password is 1234')"


async def test_a_callers_error_is_one_line_at_info_without_a_traceback(server: Framed, channel: aio.Channel) -> None:
    async def fail(_request: EmbedRequest) -> EmbedResponse:
        raise errors.NotFound("no model 'x'", reason=errors.Reason.MODEL_NOT_FOUND)

    server.servicer.behaviour = fail
    with capture_logs() as lines:
        await fault_of(EmbedServiceStub(channel).Embed(EmbedRequest()))
    [line] = lines
    assert {key: line[key] for key in ("event", "log_level", "method", "code", "reason")} == {
        "event": "call",
        "log_level": "info",
        "method": EMBED,
        "code": "NOT_FOUND",
        "reason": "MODEL_NOT_FOUND",
    }
    assert "exc_info" not in line
    assert line["peer"].startswith("ipv4:127.0.0.1:")


@pytest.mark.parametrize("raw", [b"\xff\xff\xff", b"\x12\x02\xff\xfe"], ids=["broken protobuf", "invalid UTF-8"])
async def test_a_request_that_is_no_message_is_the_callers_fault(
    server: Framed, channel: aio.Channel, raw: bytes
) -> None:
    fault = await fault_of(channel.unary_unary(EMBED, None, None)(raw))
    assert (fault.code(), details(fault)[0].reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED")
    assert server.servicer.calls == []


async def test_a_broken_message_ends_its_stream_after_the_good_ones(channel: aio.Channel) -> None:
    call = channel.stream_stream(STREAM_EMBED, None, StreamEmbedResponse.FromString)(
        iter([StreamEmbedRequest().SerializeToString(), b"\xff\xff"])
    )
    assert await call.read() == StreamEmbedResponse(response=EmbedResponse())
    fault = await fault_of(call.read())
    assert (fault.code(), details(fault)[0].reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED")


async def test_a_stream_that_fails_keeps_what_it_sent(server: Framed, channel: aio.Channel) -> None:
    async def fail_on_b(request: EmbedRequest) -> EmbedResponse:
        if request.model == "b":
            raise errors.Unavailable("no backend")
        return EmbedResponse(model=request.model)

    server.servicer.behaviour = fail_on_b
    requests = [StreamEmbedRequest(request=EmbedRequest(model=model)) for model in "ab"]
    call = EmbedServiceStub(channel).StreamEmbed(iter(requests))
    assert (await call.read()).response.model == "a"
    fault = await fault_of(call.read())
    assert (fault.code(), details(fault)[0].reason) == (grpc.StatusCode.UNAVAILABLE, "BACKEND_UNAVAILABLE")


async def test_a_finished_stream_has_the_trailers_of_any_call(channel: aio.Channel) -> None:
    call = EmbedServiceStub(channel).StreamEmbed(iter([StreamEmbedRequest()]), metadata=(("x-request-id", "s"),))
    assert len(await read_all(call)) == 1
    trailers = await call.trailing_metadata()
    assert trailers["x-request-id"] == "s"
    assert trailers["server-timing"].startswith("total;dur=")


async def test_a_call_without_a_deadline_gets_the_longest_allowed() -> None:
    gate = Gate()
    async with (
        framed(gate, max_deadline_seconds=0.1) as server,
        aio.insecure_channel(server.address) as channel,
    ):
        fault = await fault_of(EmbedServiceStub(channel).Embed(EmbedRequest()))
        assert (fault.code(), details(fault)[0].reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert gate.cancelled.is_set()
        assert server.calls_counted("DEADLINE_EXCEEDED") == 1


async def test_a_servicer_sees_the_deadline_of_its_caller(server: Framed, channel: aio.Channel) -> None:
    left: list[float | None] = []

    async def look(_request: EmbedRequest) -> EmbedResponse:
        left.append(context.remaining())
        return EmbedResponse()

    server.servicer.behaviour = look
    await EmbedServiceStub(channel).Embed(EmbedRequest(), timeout=30)
    await EmbedServiceStub(channel).Embed(EmbedRequest(), timeout=3000)
    [short, capped] = left
    assert short is not None
    assert capped is not None
    assert 0 < short <= 31 < capped <= 121  # gRPC rounds timeouts up.


async def test_a_caller_that_leaves_stops_the_work() -> None:
    gate = Gate()
    with capture_logs() as lines:
        async with framed(gate) as server, aio.insecure_channel(server.address) as channel:
            call = EmbedServiceStub(channel).Embed(EmbedRequest())
            await gate.entered.wait()
            call.cancel()
            await gate.cancelled.wait()
    assert [(line["log_level"], line["code"]) for line in lines] == [("info", "CANCELLED")]


async def test_calls_beyond_the_limit_are_told_when_to_come_back() -> None:
    gate = Gate()
    async with (
        framed(gate, max_concurrent_calls=1) as server,
        aio.insecure_channel(server.address) as channel,
    ):
        stub = EmbedServiceStub(channel)
        first = asyncio.ensure_future(stub.Embed(EmbedRequest(model="first")))
        await gate.entered.wait()
        assert server.registry.get_sample_value("sensorium_calls_at_work") == 1
        for refused in (stub.Embed(EmbedRequest()), read_all(stub.StreamEmbed(iter([StreamEmbedRequest()])))):
            fault = await fault_of(refused)
            info, retry = details(fault)
            assert (fault.code(), info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
            assert retry.retry_delay.ToMilliseconds() == 500
        gate.opened.set()
        assert (await first).model == "first"


async def test_trailers_tell_where_the_time_went(server: Framed, channel: aio.Channel) -> None:
    async def work(_request: EmbedRequest) -> EmbedResponse:
        context.record(Stage.QUEUE, 0.004)
        context.record(Stage.INFERENCE, 0.25)
        return EmbedResponse()

    server.servicer.behaviour = work
    call = EmbedServiceStub(channel).Embed(EmbedRequest())
    await call
    timing = (await call.trailing_metadata())["server-timing"]
    assert timing.startswith("queue;dur=4.000, inference;dur=250.000, total;dur=")
    assert server.registry.get_sample_value("sensorium_stage_seconds_sum", {"stage": "inference"}) == 0.25


async def test_calls_are_counted_by_method_and_code(server: Framed, channel: aio.Channel) -> None:
    await EmbedServiceStub(channel).Embed(EmbedRequest())
    await fault_of(EmbedServiceStub(channel).GetModel(GetModelRequest()))
    assert server.calls_counted("OK") == 1
    assert server.calls_counted("UNIMPLEMENTED", "/sensorium.v1.EmbedService/GetModel") == 1
    assert server.registry.get_sample_value("sensorium_call_seconds_count", {"method": EMBED}) == 1


async def test_a_request_above_the_limit_is_refused_by_grpc_itself(channel: aio.Channel) -> None:
    fault = await fault_of(EmbedServiceStub(channel).Embed(EmbedRequest(model="x" * 5000)))
    assert fault.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "message larger than max" in (fault.details() or "")


async def test_a_response_above_the_limit_says_so(server: Framed, channel: aio.Channel) -> None:
    async def much(_request: EmbedRequest) -> EmbedResponse:
        return EmbedResponse(model="x" * 5000)

    server.servicer.behaviour = much
    fault = await fault_of(EmbedServiceStub(channel).Embed(EmbedRequest()))
    assert (fault.code(), details(fault)[0].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")


async def test_an_error_about_a_very_long_text_still_arrives(server: Framed, channel: aio.Channel) -> None:
    async def fail(request: EmbedRequest) -> EmbedResponse:
        raise errors.NotFound("模" * 4000, field="x" * 4000, metadata={"model": "模" * 4000})

    server.servicer.behaviour = fail
    fault = await fault_of(EmbedServiceStub(channel).Embed(EmbedRequest()))
    assert fault.code() is grpc.StatusCode.NOT_FOUND
    assert details(fault)[0].metadata["model"].endswith("…")


async def test_a_method_that_is_not_built_says_so() -> None:
    async with (
        framed(others=(tag_service(TagServiceServicer(), ()),)) as server,
        aio.insecure_channel(server.address) as channel,
    ):
        for call in (EmbedServiceStub(channel).GetModel(GetModelRequest()), TagServiceStub(channel).Tag(TagRequest())):
            fault = await fault_of(call)
            assert (fault.code(), details(fault)[0].reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_BUILT")
            assert "docs/roadmap.md" in (fault.details() or "")


async def test_an_unknown_method_is_unimplemented(channel: aio.Channel) -> None:
    fault = await fault_of(channel.unary_unary("/sensorium.v1.EmbedService/Nothing", None, None)(b""))
    assert fault.code() is grpc.StatusCode.UNIMPLEMENTED
