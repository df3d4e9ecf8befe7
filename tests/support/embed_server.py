"""The embed service as callers have it: in their own process, or behind gRPC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from sensorium.embed.client import REPEATABLE, EmbedClient
from sensorium.embed.service import EmbedService
from sensorium.embed.servicer import EmbedServicer
from sensorium.ports import Embedder
from sensorium.rpc.channel import open_channel
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.registration import embed_service
from sensorium.rpc.server import RpcServer
from sensorium.settings import GrpcSettings
from sensorium.telemetry.metrics import CallMetrics

WAYS = ("local", "remote")


@asynccontextmanager
async def reached(service: EmbedService, way: str, max_items: int = 2048) -> AsyncIterator[Embedder]:
    """Open a way to a service, one of `WAYS`."""
    if way == "local":
        yield service
        return
    registration = embed_service(EmbedServicer(service, max_items=max_items), ())
    metrics = CallMetrics(CollectorRegistry())
    async with (
        RpcServer(GrpcSettings(port=0, drain_seconds=1), [registration], Readiness(), metrics) as server,
        open_channel(server.address, repeatable=REPEATABLE) as channel,
    ):
        yield EmbedClient(channel)
