"""Ports served over real gRPC, in the frame that every server has, on a free port of loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from sensorium.embed.servicer import EmbedServicer
from sensorium.ports import Embedder, Searcher
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.registration import embed_service, search_service
from sensorium.rpc.server import RpcServer
from sensorium.search.servicer import SearchServicer
from sensorium.settings import GrpcSettings, SearchSettings
from sensorium.telemetry.metrics import CallMetrics


@asynccontextmanager
async def served(embedder: Embedder, searcher: Searcher) -> AsyncIterator[str]:
    """Serve both ports for the body, which is given their address."""
    embed, search = EmbedServicer(embedder, max_items=2048), SearchServicer(searcher, SearchSettings())
    services = [embed_service(embed, ()), search_service(search, ())]
    settings = GrpcSettings(port=0, drain_seconds=0)
    async with RpcServer(settings, services, Readiness(), CallMetrics(CollectorRegistry())) as server:
        yield server.address
