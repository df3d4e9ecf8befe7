"""The HTTP front served for real on a free port of loopback, over an embedder that takes whatever there is."""

import asyncio
import hashlib
import http.client
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from prometheus_client import CollectorRegistry

from sensorium.errors import InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.gateway.http.families import http_front
from sensorium.model.content import Content, Media, Modality
from sensorium.model.embedding import (
    Embedding,
    EmbedRequest,
    EmbedResponse,
    Fusion,
    ModalityUsage,
    ModelInfo,
    ModelState,
    OutputKind,
    Usage,
)
from sensorium.model.vector import SparseVector, Vector
from sensorium.ports import Embedder, Guard
from sensorium.rpc.interceptors.access_log import AccessLog
from sensorium.rpc.interceptors.admission import Admission
from sensorium.rpc.interceptors.report import Reporter
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.role_guard import OPEN
from sensorium.settings import HttpSettings
from sensorium.telemetry.endpoint import HttpEndpoint
from sensorium.telemetry.metrics import CallMetrics

T = TypeVar("T")
ALL = ModelInfo(
    "omni",
    "r1",
    "Takes everything.",
    16,
    64,
    "Apache-2.0",
    modalities=tuple(Modality),
    outputs=(OutputKind.DENSE, OutputKind.SPARSE),
    dimensions=(8, 16, 1024, 1152, 1536),
    fusions=(Fusion.JOINT, Fusion.AVERAGE),
    instruction_supported=True,
    state=ModelState.READY,
)


@dataclass
class OmniEmbedder:
    """Embeds any content as a vector that depends on all of it; a text `bad` fails, and so does a blank one.

    Attributes:
        requests: What was asked for.
        errors: Raised by the next calls, one each.
        gate: What a call waits for before it is answered.
        entered: Set when one has come.
    """

    info: ModelInfo = ALL
    requests: list[EmbedRequest] = field(default_factory=list)
    errors: list[SensoriumError] = field(default_factory=list)
    gate: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def models(self) -> list[ModelInfo]:
        return [self.info]

    async def model(self, name: str) -> ModelInfo:
        if name not in {"", self.info.name}:
            raise NotFound(f"there is no model {name!r}", reason=Reason.MODEL_NOT_FOUND, field="model")
        return self.info

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        self.requests.append(request)
        self.entered.set()
        if self.gate:
            await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        if not request.contents:
            raise InvalidArgument("contents: at least one is required", field="contents")
        if request.options.dimension not in {0, *self.info.dimensions}:
            raise InvalidArgument("options.dimension: not this", field="options.dimension")
        results = tuple(self._result(index, content, request) for index, content in enumerate(request.contents))
        good = [each for each in results if isinstance(each, Embedding)]
        kinds = [part.modality for content in request.contents for part in content.parts]
        usage = Usage(
            3 * len(good), tuple(ModalityUsage(kind, float(kinds.count(kind)), 1.0) for kind in dict.fromkeys(kinds))
        )
        return EmbedResponse(self.info.name, self.info.revision, results, usage)

    def _result(self, index: int, content: Content, request: EmbedRequest) -> Embedding | SensoriumError:
        for number, part in enumerate(content.parts):
            if isinstance(part.body, str) and part.body.strip() in {"", "bad"}:
                place = f"contents[{index}].parts[{number}].text"
                return InvalidArgument(f"{place} is bad", reason=Reason.CONTENT_EMPTY, field=place)
        sparse = SparseVector(np.array([7, 9], np.uint32), np.array([0.5, 0.25], np.float32), ("red", "car"))
        outputs = request.options.outputs
        dense = Vector.from_numpy(vector_of(content, request.options.dimension or self.info.dimension))
        return Embedding(
            dense=dense if OutputKind.DENSE in outputs else None,
            sparse=sparse if OutputKind.SPARSE in outputs else None,
            token_count=3,
        )


def vector_of(content: Content, dimension: int = 16) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the direction that the fake gives a content."""
    told = repr([(part.modality, _told(part.body), part.weight) for part in content.parts])
    seed = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8])
    drawn = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def _told(body: str | Media) -> str:
    return body if isinstance(body, str) else repr((body.uri, body.data))


@dataclass
class Front:
    """A running front.

    Attributes:
        address: `host:port`.
        embedder: What it stands on.
        registry: Its metrics.
        folder: Its data.
    """

    address: str
    embedder: Any
    registry: CollectorRegistry
    folder: Path

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    async def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> "Answered":
        """Send one request; a body that is no bytes is sent as JSON, and no content type with it."""
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()

        def ask() -> Answered:
            connection = http.client.HTTPConnection(self.address, timeout=10)
            try:
                connection.request(method, path, raw, headers or {})
                response = connection.getresponse()
                told = {name.lower(): value for name, value in response.getheaders()}
                return Answered(response.status, told, response.read())
            finally:
                connection.close()

        return await asyncio.to_thread(ask)

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> "Answered":
        return await self.send("POST", path, body, headers)


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@asynccontextmanager
async def front(
    embedder: Embedder | None = None,
    *,
    guard: Guard = OPEN,
    most_calls: int = 64,
    **settings: Any,
) -> AsyncIterator[Front]:
    """Serve the front for the body."""
    limits = HttpSettings(**{"port": 0, **settings})
    registry, admission = CollectorRegistry(), Admission(most_calls)
    serving = embedder or OmniEmbedder()
    reporter = Reporter(CallMetrics(registry), AccessLog())
    with TemporaryDirectory() as folder:
        others = http_front(limits, Path(folder), serving, guard=guard, admission=admission, reporter=reporter)
        async with HttpEndpoint(limits, Readiness(), registry, others=others) as endpoint:
            yield Front(endpoint.address, serving, registry, Path(folder))


async def in_thread(work: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Run what a blocking client does while the server answers on this loop."""
    return await asyncio.to_thread(work, *arguments, **named)


def with_dimension(dimension: int) -> ModelInfo:
    """Return a model of one dimension."""
    return replace(ALL, dimension=dimension, dimensions=())
