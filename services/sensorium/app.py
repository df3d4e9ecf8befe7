"""The composition root: settings become ports, ports become servers. Start reading here.

What a process runs follows from its role; what it calls is in this process unless the settings name its address. Both
ways stand behind the same ports (ports.py), so nothing below knows the difference.
"""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog

from sensorium.dataset.client import REPEATABLE as DATASET_REPEATABLE
from sensorium.dataset.client import dataset_clients
from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset.neighbours import Neighbours
from sensorium.dataset.servicer import DatasetServicer
from sensorium.dataset_ports import DatasetPorts, Objects
from sensorium.embed.batcher import BatchLimits
from sensorium.embed.client import REPEATABLE as EMBED_REPEATABLE
from sensorium.embed.client import EmbedClient
from sensorium.embed.service import MEDIA_LIMITS, EmbedLimits, EmbedService
from sensorium.embed.servicer import EmbedServicer
from sensorium.errors import InvalidArgument
from sensorium.gateway.connected.asking import Asking
from sensorium.gateway.connected.embedder import ConnectedEmbedder
from sensorium.gateway.connected.objects import ConnectedObjects
from sensorium.gateway.connected.tagger import ConnectedTagger
from sensorium.gateway.http.families import http_front
from sensorium.gateway.http.front import HttpFront
from sensorium.gateway.limits import Limits
from sensorium.gateway.reembedding import Reembedding
from sensorium.gateway.searcher import EmbeddingSearcher
from sensorium.gateway.usage.client import REPEATABLE as USAGE_REPEATABLE
from sensorium.gateway.usage.client import UsageClient
from sensorium.gateway.usage.combined import CombinedUsage
from sensorium.gateway.usage.ledger import UsageLedger, opened_ledger
from sensorium.gateway.usage.metered import MeteredEmbedder, MeteredTagger
from sensorium.gateway.usage.servicer import UsageServicer
from sensorium.gateway.usage.store import STORE_FILE as USAGE_FILE
from sensorium.gateway.usage.store import UsageStore
from sensorium.ports import Embedder, Searcher, Tagger, UsageReader
from sensorium.rpc.address import check_bindable
from sensorium.rpc.backend import follow_channel
from sensorium.rpc.channel import Channel, Repeatable
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.registration import (
    Registration,
    dataset_service,
    embed_service,
    search_service,
    tag_service,
    usage_service,
)
from sensorium.rpc.server import RpcServer
from sensorium.search.client import REPEATABLE as SEARCH_REPEATABLE
from sensorium.search.client import SearchClient
from sensorium.search.embedded import embedded_search
from sensorium.search.servicer import SearchServicer
from sensorium.serving import canaries, served_model
from sensorium.settings import Role, Settings, TritonSettings
from sensorium.tag.client import REPEATABLE as TAG_REPEATABLE
from sensorium.tag.client import TagClient
from sensorium.tag.embedded import embedded_tagging, similarity_taggers
from sensorium.tag.servicer import TagServicer
from sensorium.telemetry.endpoint import HttpEndpoint
from sensorium.telemetry.logs import configure_logs
from sensorium.telemetry.metrics import CallMetrics, process_registry
from sensorium.telemetry.traces import traces
from sensorium.triton.card import ModelCard, read_card
from sensorium.triton.supervisor import Supervisor
from sensorium.trust import Guards, channel_to_role, guarded, shown_to_callers

EMBED = "embed"
SEARCH = "search"
TAG = "tag"
DATASET = "dataset"
TRITON = "triton"

DATASET_USAGE_FILE = "dataset-usage.sqlite3"  # Beside a gateway's, should both have one data directory.

_TRITON_REMEDY = "set SENSORIUM_TRITON__ALLOW_PUBLIC=true on a network that only the mesh is on"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Mesh:
    """A running mesh, or one role of it.

    Attributes:
        grpc_address: Where it takes gRPC calls, `host:port`.
        http_address: Where it shows /healthz, /readyz and /metrics, `host:port`.
        readiness: What it still waits for.
        stopping: Set when the process was asked to stop.
    """

    grpc_address: str
    http_address: str
    readiness: Readiness
    stopping: asyncio.Event

    async def wait_ready(self) -> None:
        """Wait until every check passes."""
        async for _ in self.readiness.changes():
            if not self.readiness.failing():
                return

    async def serve(self) -> None:
        """Serve until SIGTERM or SIGINT; a second signal does not wait for what is still at work."""
        with _signals(self.stopping, signal.SIGINT):
            announcing = asyncio.create_task(self._announce())
            await self.stopping.wait()
            announcing.cancel()
        _log.info("stopping")

    async def _announce(self) -> None:
        await self.wait_ready()
        # What was made until now lives as long as the process: no collection need look at it again.
        gc.collect()
        gc.freeze()
        _log.info("serving", grpc=self.grpc_address, http=self.http_address)


@contextmanager
def _signals(event: asyncio.Event, number: signal.Signals) -> Iterator[None]:
    """Let the signal set `event` during the body, the first time; after that it does what it always does."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_signal_handler(number)
        event.set()

    loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


@asynccontextmanager
async def mesh(settings: Settings) -> AsyncIterator[Mesh]:
    """Run what `settings` ask for while the block is open.

    Servers listen on entering; `Mesh.wait_ready` waits for models and backends. On leaving, running calls may finish,
    then everything is closed, Triton included.

    Raises:
        SensoriumError: A setting, a file or an address is unusable; the message says which and what mends it.
    """
    configure_logs(settings.telemetry)
    stopping = asyncio.Event()
    async with AsyncExitStack() as resources:
        resources.enter_context(_signals(stopping, signal.SIGTERM))
        resources.enter_context(traces(settings.telemetry, settings.role))
        parts = Parts(settings, Readiness(), resources)
        guards = await resources.enter_async_context(guarded(settings))
        services = await parts.services()
        registry = process_registry()
        server = RpcServer(
            settings.grpc,
            services,
            parts.readiness,
            CallMetrics(registry),
            guard=guards.grpc,
            credentials=shown_to_callers(settings),
        )
        http = await resources.enter_async_context(
            HttpEndpoint(settings.http, parts.readiness, registry, others=parts.http_front(guards, server))
        )
        await resources.enter_async_context(server)
        _log.info("listening", role=settings.role, grpc=server.address, http=http.address)
        yield Mesh(server.address, http.address, parts.readiness, stopping)


class Parts:
    """Builds the ports that a role needs; what they hold is released by `resources`."""

    def __init__(self, settings: Settings, readiness: Readiness, resources: AsyncExitStack) -> None:
        self.settings = settings
        self.readiness = readiness
        self._resources = resources
        self._public: Embedder | None = None  # A gateway's, once its services are built.
        self._to_datasets: Channel | None = None

    async def services(self) -> list[Registration]:
        """Return the services of this process's role."""
        match self.settings.role:
            case Role.EMBED:
                return [self._embed_service(await self._local_embedder())]
            case Role.SEARCH:
                return [self._search_service(await self._local_searcher(), {SEARCH})]
            case Role.ALL | Role.GATEWAY:
                ledger = await self._ledger(USAGE_FILE)
                embedder: Embedder = MeteredEmbedder(await self._embedder(), ledger)
                searcher, tagger = await self._searcher(), await self._metered_tagger(embedder, ledger)
                datasets = await self._datasets(self._around(embedder, searcher, tagger))
                if datasets:
                    asking = self._asking(datasets.objects)
                    embedder, tagger = ConnectedEmbedder(embedder, asking), ConnectedTagger(tagger, asking)
                self._public = embedder
                embedding = EmbeddingSearcher(embedder, searcher, Limits.of(self.settings.search))
                await self._resources.enter_async_context(Reembedding(embedder, embedding))
                return [
                    self._embed_service(embedder),
                    self._search_service(embedding, {EMBED, SEARCH}),
                    self._tag_service(tagger),
                    usage_service(UsageServicer(await self._usage(ledger))),
                    *([self._dataset_service(datasets)] if datasets else []),
                ]
            case Role.TAG:
                return [self._tag_service(await self._local_tagger(await self._embedder()))]
            case Role.TRITON:
                # It serves models by Triton's own protocol, and of ours health alone.
                await self._inference_server(self._cards(), TRITON)
                return []
            case Role.DATASET:
                ledger = await self._ledger(DATASET_USAGE_FILE)
                return [
                    self._dataset_service(await self._local_datasets(await self._neighbours(ledger))),
                    usage_service(UsageServicer(ledger)),
                ]

    def http_front(self, guards: Guards, server: RpcServer) -> HttpFront | None:
        """Return what a gateway serves over HTTP, under the limits of `server`; None for other roles.

        Raises:
            FailedPrecondition: The address is beyond loopback while the guard lets everybody call.
        """
        if guards.http is None or self._public is None:
            return None
        return http_front(
            self.settings.http,
            self.settings.data_dir,
            self._public,
            guard=guards.http,
            admission=server.admission,
            reporter=server.reporter,
        )

    def _embed_service(self, embedder: Embedder) -> Registration:
        return embed_service(EmbedServicer(embedder, max_items=self.settings.embed.max_items), {EMBED})

    def _search_service(self, searcher: Searcher, needs: set[str]) -> Registration:
        return search_service(SearchServicer(searcher, self.settings.search), needs)

    def _tag_service(self, tagger: Tagger) -> Registration:
        return tag_service(TagServicer(tagger, max_contents=self.settings.tag.max_contents), {EMBED, TAG})

    async def _datasets(self, neighbours: Neighbours) -> DatasetPorts | None:
        """Return the dataset service; none at a gateway that is told of no dataset role."""
        if target := self.settings.dataset.target:
            return dataset_clients(await self._dataset_channel(target))
        if self.settings.role is Role.GATEWAY:
            return None
        return await self._local_datasets(neighbours)

    def _asking(self, objects: Objects) -> Asking:
        """Return what brings objects of connections to where contents are embedded, as other URIs are brought."""
        inputs, message_bytes = self.settings.inputs, self.settings.grpc.max_message_bytes
        connected = ConnectedObjects(objects, seconds=inputs.fetch_seconds, most_bytes=message_bytes * 3 // 4)
        return Asking(connected, at_once=inputs.fetches)

    async def _dataset_channel(self, target: str) -> Channel:
        """Open the channel to a dataset role, once."""
        if self._to_datasets is None:
            repeatable = {**DATASET_REPEATABLE, **USAGE_REPEATABLE}
            self._to_datasets = await self._channel(target, repeatable, "sensorium.v1.DatasetService", DATASET)
        return self._to_datasets

    def _dataset_service(self, ports: DatasetPorts) -> Registration:
        return dataset_service(DatasetServicer(ports), {DATASET})

    async def _embedder(self) -> Embedder:
        target = self._target(EMBED, self.settings.embed.target)
        if not target:
            return await self._local_embedder()
        return EmbedClient(await self._channel(target, EMBED_REPEATABLE, "sensorium.v1.EmbedService", EMBED))

    async def _searcher(self) -> Searcher:
        target = self._target(SEARCH, self.settings.search.target)
        if not target:
            return await self._local_searcher()
        return SearchClient(await self._channel(target, SEARCH_REPEATABLE, "sensorium.v1.SearchService", SEARCH))

    async def _tagger(self, embedder: Embedder) -> Tagger:
        target = self._target(TAG, self.settings.tag.target)
        if not target:
            return await self._local_tagger(embedder)
        return TagClient(await self._channel(target, TAG_REPEATABLE, "sensorium.v1.TagService", TAG))

    async def _usage(self, ledger: UsageLedger) -> UsageReader:
        """Return what tells of usage: this gateway's, with that of a dataset role's own work."""
        if not (target := self.settings.dataset.target):
            return ledger
        return CombinedUsage((ledger, UsageClient(await self._dataset_channel(target))))

    async def _ledger(self, file: str) -> UsageLedger:
        """Open what counts the usage of this gateway's callers, or of a dataset role's own work."""
        store = UsageStore(self.settings.data_dir / file)
        return await self._resources.enter_async_context(opened_ledger(store, self.settings.usage.flush_seconds))

    async def _metered_tagger(self, embedder: Embedder, ledger: UsageLedger) -> Tagger:
        """Return what tags: here, where what it embeds is counted, or elsewhere, where its answers tell."""
        tagger = await self._tagger(embedder)
        return MeteredTagger(tagger, ledger) if self.settings.tag.target else tagger

    async def _channel(self, target: str, repeatable: Repeatable, service: str, check: str) -> Channel:
        """Open a channel to a role; `check` passes while one of its servers says that `service` is SERVING."""
        channel = await self._resources.enter_async_context(
            channel_to_role(target, repeatable, self.settings.mesh, service)
        )
        await self._follow(follow_channel(channel, service, self.readiness, check))
        return channel

    def _target(self, section: str, target: str) -> str:
        if self.settings.role in {Role.GATEWAY, Role.TAG, Role.DATASET} and not target:
            setting = f"SENSORIUM_{section.upper()}__TARGET"
            raise InvalidArgument(
                f"a {self.settings.role} role of its own needs the address of the {section} role: set {setting}",
                field=f"{section}.target",
            )
        return target

    async def _local_embedder(self) -> Embedder:
        settings = self.settings.embed
        cards = self._cards()
        supervisor = await self._inference_server(cards, EMBED)
        service = EmbedService(
            [served_model(card, self.settings.triton) for card in cards],
            supervisor,
            limits=EmbedLimits(settings.max_items, settings.max_text_bytes),
            batch_limits=BatchLimits(
                batch_tokens=settings.batch_tokens,
                batch_items=settings.batch_items,
                inflight=settings.inflight_batches,
                queue_tokens=settings.queue_tokens,
            ),
            media_limits=replace(MEDIA_LIMITS, batch_items=settings.batch_media, inflight=settings.inflight_batches),
            inputs=self.settings.inputs,
            tokenizer_threads=settings.tokenizer_threads,
        )
        return await self._resources.enter_async_context(service)

    def _cards(self) -> list[ModelCard]:
        return [read_card(self.settings.triton.model_repository, model) for model in self.settings.embed.models]

    async def _inference_server(self, cards: list[ModelCard], check: str) -> Supervisor:
        """Look after the Triton of these models; that of the first decides over `check`."""
        triton = self.settings.triton
        if not triton.target:
            check_bindable(triton.host, allowed=triton.allow_public, section="triton", remedy=_TRITON_REMEDY)
        supervisor = await self._resources.enter_async_context(_supervisor(triton, cards))
        await self._follow(_follow_triton(supervisor, cards[0], self.readiness, check))
        return supervisor

    async def _local_searcher(self) -> Searcher:
        searcher = await self._resources.enter_async_context(
            embedded_search(self.settings.data_dir, self.settings.search)
        )
        self.readiness.set(SEARCH, True)
        return searcher

    async def _local_tagger(self, embedder: Embedder) -> Tagger:
        tagger = await self._resources.enter_async_context(
            embedded_tagging(self.settings.data_dir, self.settings.tag, embedder)
        )
        self.readiness.set(TAG, True)
        return tagger

    async def _neighbours(self, ledger: UsageLedger) -> Neighbours:
        """Return what a dataset role of its own calls; the ledger counts it."""
        embedder = MeteredEmbedder(await self._embedder(), ledger)
        return self._around(embedder, await self._searcher(), await self._metered_tagger(embedder, ledger))

    def _around(self, embedder: Embedder, searcher: Searcher, tagger: Tagger) -> Neighbours:
        """Return what datasets call, of which the searcher and the tagger can work by other embedders too."""

        def searcher_by(other: Embedder) -> Searcher:
            return EmbeddingSearcher(other, searcher, Limits.of(self.settings.search))

        tagger_by = self._resources.enter_context(similarity_taggers(self.settings.tag))
        return Neighbours(embedder, searcher_by(embedder), tagger, searcher_by, tagger_by)

    async def _local_datasets(self, neighbours: Neighbours) -> DatasetPorts:
        ports = await self._resources.enter_async_context(
            embedded_datasets(self.settings.data_dir, self.settings.dataset, neighbours)
        )
        self.readiness.set(DATASET, True)
        return ports

    async def _follow(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` until the mesh closes."""
        task = asyncio.create_task(work)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._resources.push_async_callback(end)


def _supervisor(settings: TritonSettings, cards: list[ModelCard]) -> Supervisor:
    checks = canaries(cards)
    wanted = settings.model_copy(update={"models": tuple(dict.fromkeys((*checks, *settings.models)))})
    return Supervisor(wanted, checks)


async def _follow_triton(supervisor: Supervisor, default: ModelCard, readiness: Readiness, check: str) -> None:
    """Let `check` pass while every tower of the default model is ready; others are reported by ListModels."""
    readiness.expect(check)
    towers = [tower.model for tower in default.towers.all()]
    async for state in supervisor.changes():
        missing = next((tower for tower in towers if not state.ready(tower)), "")
        detail = state.models[missing].error if missing in state.models else state.error
        readiness.set(check, not missing, detail or f"Triton is {state.phase}, {missing} is not ready")
