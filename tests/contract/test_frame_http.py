"""The HTTP address of a process, over real HTTP."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from typer.testing import CliRunner

from sensorium import errors
from sensorium.cli.application import app
from sensorium.rpc.readiness import Readiness
from sensorium.settings import HttpSettings
from sensorium.telemetry import probe
from sensorium.telemetry.endpoint import HttpEndpoint
from sensorium.telemetry.metrics import CallMetrics, process_registry


@asynccontextmanager
async def endpoint(readiness: Readiness | None = None, **arguments: Any) -> AsyncIterator[HttpEndpoint]:
    registry = arguments.pop("registry", CollectorRegistry())
    settings = HttpSettings(port=0)
    async with HttpEndpoint(settings, readiness or Readiness(), registry, **arguments) as running:
        yield running


async def get(running: HttpEndpoint, path: str) -> tuple[int, str]:
    def read() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{running.address}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    return await asyncio.to_thread(read)


async def test_a_process_is_alive_though_it_is_not_ready() -> None:
    async with endpoint(Readiness("triton")) as running:
        assert await get(running, "/healthz") == (200, "ok\n")


async def test_readiness_tells_which_check_fails_and_why() -> None:
    readiness = Readiness("triton", "store")
    async with endpoint(readiness) as running:
        readiness.set("store", True)
        readiness.set("triton", False, "the model is loading")
        code, body = await get(running, "/readyz")
        assert (code, json.loads(body)) == (503, {"ready": False, "failing": {"triton": "the model is loading"}})
        readiness.set("triton", True)
        code, body = await get(running, "/readyz")
        assert (code, json.loads(body)) == (200, {"ready": True, "failing": {}})


async def test_metrics_are_in_prometheus_text_format() -> None:
    registry = process_registry()
    CallMetrics(registry).observe("/a.B/C", "OK", 0.002, {})
    async with endpoint(registry=registry) as running:
        code, body = await get(running, "/metrics")
    lines = body.splitlines()
    assert code == 200
    assert 'sensorium_calls_total{code="OK",method="/a.B/C"} 1.0' in lines
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)


async def test_other_routes_stand_beside() -> None:
    async def hello(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    async with endpoint(routes=[Route("/hello", hello)]) as running:
        assert await get(running, "/hello") == (200, "hello")
        assert (await get(running, "/nothing"))[0] == 404


async def test_it_stops_within_a_second_though_a_connection_is_open() -> None:
    async with endpoint() as running:
        host, _, port = running.address.rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        ending = asyncio.timeout(1.5)
        async with ending:
            await running.__aexit__(None, None, None)
        writer.close()


async def test_a_taken_port_is_an_error_that_names_the_setting() -> None:
    async with endpoint() as running:
        settings = HttpSettings(port=int(running.address.rpartition(":")[2]))
        with pytest.raises(errors.FailedPrecondition, match="SENSORIUM_HTTP__PORT"):
            await HttpEndpoint(settings, Readiness(), CollectorRegistry()).__aenter__()


async def test_a_public_address_is_refused() -> None:
    with pytest.raises(errors.FailedPrecondition, match="SENSORIUM_HTTP__ALLOW_PUBLIC"):
        await HttpEndpoint(HttpSettings(host="0.0.0.0"), Readiness(), CollectorRegistry()).__aenter__()


async def test_a_probe_reads_what_readiness_tells(capsys: pytest.CaptureFixture[str]) -> None:
    readiness = Readiness("triton")
    async with endpoint(readiness) as running:
        readiness.set("triton", False, "the model is loading")
        assert await asyncio.to_thread(probe.main, running.address) == 1
        assert capsys.readouterr().out == "triton: the model is loading\n"
        readiness.set("triton", True)
        assert await asyncio.to_thread(probe.main, running.address) == 0
    assert await asyncio.to_thread(probe.main, running.address) == 1
    assert "nothing at" in capsys.readouterr().out


async def test_the_health_command_asks_the_process_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    readiness = Readiness("triton")
    async with endpoint(readiness) as running:
        monkeypatch.setenv("SENSORIUM_HTTP__HOST", "0.0.0.0")
        monkeypatch.setenv("SENSORIUM_HTTP__PORT", running.address.rpartition(":")[2])
        command = (app, ["health", "--json"])
        told = await asyncio.to_thread(CliRunner().invoke, *command)
        assert (told.exit_code, json.loads(told.stdout)["failing"]) == (4, {"triton": "not started"})
        readiness.set("triton", True)
        assert (await asyncio.to_thread(CliRunner().invoke, *command)).exit_code == 0
