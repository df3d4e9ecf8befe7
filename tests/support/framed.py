"""A real server in the frame, with a servicer that does what a test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from sensorium import context
from sensorium.context import CallContext
from sensorium.ports import Guard
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.registration import Registration, embed_service
from sensorium.rpc.role_guard import OPEN
from sensorium.rpc.server import RpcServer
from sensorium.settings import GrpcSettings
from sensorium.telemetry.metrics import CallMetrics
from sensorium.v1.embed_service_pb2 import EmbedRequest, EmbedResponse, StreamEmbedRequest, StreamEmbedResponse
from sensorium.v1.embed_service_pb2_grpc import EmbedServiceServicer

EMBED = "/sensorium.v1.EmbedService/Embed"
STREAM_EMBED = "/sensorium.v1.EmbedService/StreamEmbed"
Behaviour = Callable[[EmbedRequest], Awaitable[EmbedResponse]]


async def answer(request: EmbedRequest) -> EmbedResponse:
    return EmbedResponse(model=request.model)


class ScriptedServicer(EmbedServiceServicer):
    """Runs `behaviour` for each request, of a call or of a stream; leaves GetModel and ListModels unbuilt."""

    def __init__(self, behaviour: Behaviour = answer) -> None:
        self.behaviour = behaviour
        self.calls: list[CallContext] = []
        self.headers: list[dict[str, Any]] = []

    async def Embed(self, request: EmbedRequest, rpc: Any) -> EmbedResponse:  # noqa: N802
        self._note(rpc)
        return await self.behaviour(request)

    async def StreamEmbed(  # noqa: N802
        self, requests: AsyncIterator[StreamEmbedRequest], rpc: Any
    ) -> AsyncIterator[StreamEmbedResponse]:
        self._note(rpc)
        async for request in requests:
            yield StreamEmbedResponse(response=await self.behaviour(request.request))

    def _note(self, rpc: Any) -> None:
        call = context.current()
        assert call is not None
        self.calls.append(call)
        self.headers.append(dict(rpc.invocation_metadata()))


@dataclass
class Gate:
    """A behaviour that waits until the test opens it, and says when a call has arrived."""

    entered: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: EmbedRequest) -> EmbedResponse:
        self.entered.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return EmbedResponse(model=request.model)


@dataclass
class Framed:
    """A running server."""

    server: RpcServer
    servicer: ScriptedServicer
    readiness: Readiness
    registry: CollectorRegistry

    @property
    def address(self) -> str:
        return self.server.address

    def calls_counted(self, code: str, method: str = EMBED) -> float:
        return self.registry.get_sample_value("sensorium_calls_total", {"method": method, "code": code}) or 0.0


@asynccontextmanager
async def framed(
    behaviour: Behaviour = answer,
    *,
    needs: tuple[str, ...] = (),
    others: tuple[Registration, ...] = (),
    guard: Guard = OPEN,
    **settings: Any,
) -> AsyncIterator[Framed]:
    """Serve EmbedService on a free port; `settings` are GrpcSettings'."""
    servicer, readiness, registry = ScriptedServicer(behaviour), Readiness(), CollectorRegistry()
    limits = GrpcSettings(**{"port": 0, "drain_seconds": 0.2, "notice_seconds": 0, **settings})
    services = [embed_service(servicer, needs), *others]
    async with RpcServer(limits, services, readiness, CallMetrics(registry), guard=guard) as server:
        yield Framed(server, servicer, readiness, registry)
