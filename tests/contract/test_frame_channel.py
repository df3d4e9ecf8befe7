"""What our own channel adds to a call, repeats, and raises."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from framed import Gate, answer, framed

from sensorium import context, errors
from sensorium.context import CallContext
from sensorium.errors import Reason
from sensorium.rpc.channel import open_channel
from sensorium.v1.embed_service_pb2 import (
    EmbedRequest,
    EmbedResponse,
    GetModelRequest,
    StreamEmbedRequest,
)
from sensorium.v1.embed_service_pb2_grpc import EmbedServiceStub

EMBED_SERVICE = "sensorium.v1.EmbedService"


class Flaky:
    """Is unavailable for the first `failures` calls."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    async def __call__(self, request: EmbedRequest) -> EmbedResponse:
        self.calls += 1
        if self.calls <= self.failures:
            raise errors.Unavailable("not now")
        return await answer(request)


async def fail(_request: EmbedRequest) -> EmbedResponse:
    raise errors.InvalidArgument(
        "too many", reason=Reason.TOO_MANY_ITEMS, field="contents", metadata={"limit": "3"}, retry_after=2
    )


async def requests(*models: str) -> AsyncIterator[StreamEmbedRequest]:
    for model in models:
        yield StreamEmbedRequest(request=EmbedRequest(model=model))


async def test_a_failed_call_raises_the_error_of_the_servicer() -> None:
    async with framed(fail) as server, open_channel(server.address) as channel:
        with pytest.raises(errors.InvalidArgument) as raised:
            await EmbedServiceStub(channel).Embed(EmbedRequest())
        error = raised.value
        assert (error.message, error.reason, error.field) == ("too many", Reason.TOO_MANY_ITEMS, "contents")
        assert (error.metadata, error.retry_after) == ({"limit": "3"}, 2)


async def test_a_failed_stream_raises_the_error_of_the_servicer() -> None:
    async with framed(fail) as server, open_channel(server.address) as channel:
        with pytest.raises(errors.InvalidArgument, match="too many"):
            _ = [response async for response in EmbedServiceStub(channel).StreamEmbed(requests("a"))]


async def test_a_stream_answers_every_request_in_order() -> None:
    async with framed() as server, open_channel(server.address) as channel:
        responses = EmbedServiceStub(channel).StreamEmbed(requests("a", "b", "c"))
        assert [response.response.model async for response in responses] == ["a", "b", "c"]


async def test_a_stream_that_is_read_no_further_is_cancelled() -> None:
    gate = Gate()
    async with framed(gate) as server, open_channel(server.address) as channel:
        responses = EmbedServiceStub(channel).StreamEmbed(requests("a"))
        reading = asyncio.ensure_future(anext(aiter(responses)))
        await gate.entered.wait()
        reading.cancel()
        await gate.cancelled.wait()


async def test_a_call_within_a_call_carries_its_id_and_its_remaining_time() -> None:
    async with framed() as server, open_channel(server.address) as channel:
        with context.opened(CallContext("call-7", deadline=time.monotonic() + 5)):
            await EmbedServiceStub(channel).Embed(EmbedRequest(), timeout=60)
        [call] = server.servicer.calls
        assert call.request_id == "call-7"
        assert call.deadline is not None
        assert call.deadline - call.started <= 5.1  # gRPC rounds timeouts up.


async def test_a_call_whose_time_is_up_is_not_sent() -> None:
    async with framed() as server, open_channel(server.address) as channel:
        with context.opened(CallContext(deadline=time.monotonic() - 1)), pytest.raises(errors.DeadlineExceeded):
            await EmbedServiceStub(channel).Embed(EmbedRequest())
        assert server.servicer.calls == []


async def test_a_call_that_takes_too_long_raises_deadline_exceeded() -> None:
    async with framed(Gate()) as server, open_channel(server.address) as channel:
        with pytest.raises(errors.DeadlineExceeded):
            await EmbedServiceStub(channel).Embed(EmbedRequest(), timeout=0.05)


async def test_a_repeatable_method_is_repeated_when_unavailable() -> None:
    flaky = Flaky(failures=2)
    async with (
        framed(flaky) as server,
        open_channel(server.address, repeatable={EMBED_SERVICE: ["Embed"]}) as channel,
    ):
        response = await EmbedServiceStub(channel).Embed(EmbedRequest(model="m"))
        assert (response.model, flaky.calls) == ("m", 3)


async def test_a_method_that_is_not_named_is_never_repeated() -> None:
    flaky = Flaky(failures=1)
    async with (
        framed(flaky) as server,
        open_channel(server.address, repeatable={EMBED_SERVICE: ["GetModel"]}) as channel,
    ):
        with pytest.raises(errors.Unavailable, match="not now"):
            await EmbedServiceStub(channel).Embed(EmbedRequest())
        assert flaky.calls == 1


async def test_another_error_than_unavailable_is_never_repeated() -> None:
    async with (
        framed(fail) as server,
        open_channel(server.address, repeatable={EMBED_SERVICE: ["Embed"]}) as channel,
    ):
        with pytest.raises(errors.InvalidArgument):
            await EmbedServiceStub(channel).Embed(EmbedRequest())
        assert len(server.servicer.calls) == 1


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with framed() as server:
        address = server.address
    async with open_channel(address) as channel:
        with pytest.raises(errors.Unavailable) as raised:
            await EmbedServiceStub(channel).Embed(EmbedRequest(), timeout=5)
        assert raised.value.reason is Reason.BACKEND_UNAVAILABLE


async def test_a_method_that_the_server_lacks_is_unimplemented() -> None:
    async with framed() as server, open_channel(server.address) as channel:
        with pytest.raises(errors.Unimplemented) as raised:
            await EmbedServiceStub(channel).GetModel(GetModelRequest())
        assert raised.value.reason is Reason.NOT_BUILT


async def test_calls_take_turns_among_the_servers_that_serve() -> None:
    async with AsyncExitStack() as stack:
        first, second, unready = [await stack.enter_async_context(framed(needs=("model",))) for _ in range(3)]
        first.readiness.set("model", True)
        second.readiness.set("model", True)
        target = "ipv4:" + ",".join(server.address for server in (first, second, unready))
        channel = await stack.enter_async_context(open_channel(target, health_service=EMBED_SERVICE))
        stub = EmbedServiceStub(channel)
        while not (first.servicer.calls and second.servicer.calls):  # Connections are made one after another.
            await stub.Embed(EmbedRequest(), timeout=5)
        assert unready.servicer.calls == []


async def test_a_message_above_the_channels_limit_says_so() -> None:
    async with framed() as server, open_channel(server.address, max_message_bytes=1000) as channel:
        with pytest.raises(errors.ResourceExhausted) as raised:
            await EmbedServiceStub(channel).Embed(EmbedRequest(model="x" * 2000))
        assert raised.value.reason is Reason.MESSAGE_TOO_LARGE
