"""How a server comes up, tells its health, and goes down."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from framed import Gate, framed
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sensorium import errors
from sensorium.rpc.status import from_rpc_error
from sensorium.v1.embed_service_pb2 import EmbedRequest
from sensorium.v1.embed_service_pb2_grpc import EmbedServiceStub

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
EMBED_SERVICE = "sensorium.v1.EmbedService"
BUF = Path(sys.executable).parent / "buf"


async def check(channel: aio.Channel, service: str = "") -> int:
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
    return int(answer.status)


def watch(channel: aio.Channel, service: str = "") -> Any:
    return health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=service))


async def status(watching: Any) -> int:
    return int((await watching.read()).status)


async def test_health_serves_only_once_the_checks_of_a_service_pass() -> None:
    async with framed(needs=("model",)) as server, aio.insecure_channel(server.address) as channel:
        assert await check(channel, EMBED_SERVICE) == NOT_SERVING
        server.readiness.set("model", True)
        assert await check(channel, EMBED_SERVICE) == SERVING
        server.readiness.set("model", False, "Triton is down")
        assert await check(channel, EMBED_SERVICE) == NOT_SERVING


async def test_the_server_itself_needs_every_check() -> None:
    async with framed(needs=("model",)) as server, aio.insecure_channel(server.address) as channel:
        server.readiness.set("model", True)
        server.readiness.set("another service's", False)
        assert (await check(channel), await check(channel, EMBED_SERVICE)) == (NOT_SERVING, SERVING)


async def test_an_unknown_service_is_not_found() -> None:
    async with framed() as server, aio.insecure_channel(server.address) as channel:
        with pytest.raises(aio.AioRpcError) as raised:
            await check(channel, "nobody.Knows")
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND
        assert await status(watch(channel, "nobody.Knows")) == SERVICE_UNKNOWN


async def test_every_watcher_hears_of_a_change_after_another_has_left() -> None:
    async with framed(needs=("model",)) as server, aio.insecure_channel(server.address) as channel:
        leaving, staying = watch(channel), watch(channel)
        assert [await status(leaving), await status(staying)] == [NOT_SERVING, NOT_SERVING]
        leaving.cancel()
        server.readiness.set("model", True)
        assert await status(staying) == SERVING


async def test_draining_lets_running_calls_finish_and_refuses_new_ones() -> None:
    gate = Gate()
    async with framed(gate, drain_seconds=10) as server, aio.insecure_channel(server.address) as channel:
        stub, watching = EmbedServiceStub(channel), watch(channel)
        assert await status(watching) == SERVING
        running = asyncio.ensure_future(stub.Embed(EmbedRequest(model="running")))
        await gate.entered.wait()
        draining = asyncio.create_task(server.server.drain())
        assert await status(watching) == NOT_SERVING
        with pytest.raises(aio.AioRpcError) as refused:
            await stub.Embed(EmbedRequest())
        error = from_rpc_error(refused.value)
        assert (type(error), error.reason) == (errors.Unavailable, "SHUTTING_DOWN")
        gate.opened.set()
        assert (await running).model == "running"
        await draining
        assert await watching.read() is aio.EOF


async def test_a_call_that_outlasts_the_drain_is_told_that_the_server_goes() -> None:
    gate = Gate()
    async with framed(gate, drain_seconds=0.05) as server, aio.insecure_channel(server.address) as channel:
        running = asyncio.ensure_future(EmbedServiceStub(channel).Embed(EmbedRequest(), timeout=60))
        await gate.entered.wait()
        await server.server.drain()
        with pytest.raises(aio.AioRpcError) as raised:
            await running
        assert from_rpc_error(raised.value).reason == "SHUTTING_DOWN"
        assert gate.cancelled.is_set()


async def test_a_taken_port_is_an_error_that_names_the_setting() -> None:
    async with framed() as server:
        with pytest.raises(errors.FailedPrecondition, match="SENSORIUM_GRPC__PORT"):
            async with framed(port=int(server.address.rpartition(":")[2])):
                pytest.fail("two servers share a port")


async def test_a_public_address_is_refused_before_anything_listens() -> None:
    with pytest.raises(errors.FailedPrecondition, match="SENSORIUM_MESH__TOKEN"):
        async with framed(host="0.0.0.0"):
            pytest.fail("it listens to everybody")


async def curl(*arguments: str) -> str:
    command = (BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_reflection_lists_and_calls_every_service() -> None:
    async with framed() as server:
        url = f"http://{server.address}"
        listed, answered = await asyncio.gather(
            curl("--list-services", url), curl("--data", '{"model":"m"}', f"{url}/{EMBED_SERVICE}/Embed")
        )
        assert {EMBED_SERVICE, "grpc.health.v1.Health"} <= set(listed.split())
        assert json.loads(answered) == {"model": "m"}
