"""Ports served over real gRPC, in the frame that every server has, on a free port of loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from memory_mesh import MemoryTagger, MemoryUsage
from prometheus_client import CollectorRegistry

from sensorium.dataset.servicer import DatasetServicer
from sensorium.dataset_ports import DatasetPorts
from sensorium.embed.servicer import EmbedServicer
from sensorium.gateway.usage.servicer import UsageServicer
from sensorium.ports import Embedder, Guard, Searcher, Tagger, UsageReader
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.registration import dataset_service, embed_service, search_service, tag_service, usage_service
from sensorium.rpc.role_guard import OPEN
from sensorium.rpc.server import RpcServer
from sensorium.rpc.server_tls import ServerCredentials
from sensorium.search.servicer import SearchServicer
from sensorium.settings import GrpcSettings, SearchSettings
from sensorium.tag.servicer import TagServicer
from sensorium.telemetry.metrics import CallMetrics
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceServicer


@asynccontextmanager
async def served(
    embedder: Embedder,
    searcher: Searcher,
    tagger: Tagger | None = None,
    datasets: DatasetPorts | None = None,
    *,
    usage: UsageReader | None = None,
    guard: Guard = OPEN,
    credentials: ServerCredentials | None = None,
) -> AsyncIterator[str]:
    """Serve the ports for the body, which is given their address; without a tagger there are no definitions."""
    embed, search = EmbedServicer(embedder, max_items=2048), SearchServicer(searcher, SearchSettings())
    tag = TagServicer(tagger or MemoryTagger(embedder), max_contents=256)
    services = [
        embed_service(embed, ()),
        search_service(search, ()),
        tag_service(tag, ()),
        usage_service(UsageServicer(usage or MemoryUsage())),
        dataset_service(DatasetServicer(datasets) if datasets else DatasetServiceServicer(), ()),
    ]
    settings = GrpcSettings(port=0, drain_seconds=0)
    metrics = CallMetrics(CollectorRegistry())
    server = RpcServer(settings, services, Readiness(), metrics, guard=guard, credentials=credentials)
    async with server:
        yield server.address
