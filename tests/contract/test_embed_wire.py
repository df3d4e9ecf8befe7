"""What only the wire can show of EmbedService: streams, pages, and messages that no client of ours would send."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import grpc
import pytest
from prometheus_client import CollectorRegistry

from sensorium.embed.servicer import EmbedServicer
from sensorium.errors import Reason, SensoriumError, Unavailable
from sensorium.model.content import Modality
from sensorium.model.embedding import Embedding, EmbedRequest, EmbedResponse, ModelInfo, ModelState, Priority
from sensorium.model.vector import DType, Vector
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.registration import embed_service
from sensorium.rpc.server import RpcServer
from sensorium.rpc.status import from_rpc_error
from sensorium.settings import GrpcSettings
from sensorium.telemetry.metrics import CallMetrics
from sensorium.v1 import embed_service_pb2 as pb
from sensorium.v1 import types_pb2
from sensorium.v1.embed_service_pb2_grpc import EmbedServiceStub

MAX_ITEMS = 8
EMBEDDING = Embedding(Vector(bytes(16), DType.FLOAT32, 4), token_count=3)


class ScriptedEmbedder:
    """Notes what it is asked; answers `fail` with an error, and `slow` when it is told to."""

    def __init__(self, models: int = 1) -> None:
        self.requests: list[EmbedRequest] = []
        self.go = asyncio.Event()
        self._asked = asyncio.Condition()
        self._models = [
            ModelInfo(f"m{n:02}", "r1", "A fake.", 4, 8, "MIT", state=ModelState.READY) for n in range(models)
        ]

    async def asked(self, count: int) -> None:
        async with asyncio.timeout(5), self._asked:
            await self._asked.wait_for(lambda: len(self.requests) >= count)

    async def models(self) -> Sequence[ModelInfo]:
        return self._models

    async def model(self, name: str) -> ModelInfo:
        return self._models[0]

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        self.requests.append(request)
        async with self._asked:
            self._asked.notify_all()
        if request.model == "slow":
            await self.go.wait()
        if request.model == "fail":
            raise Unavailable("away")
        return EmbedResponse(request.model or "m00", "r1", (EMBEDDING,) * len(request.contents))


@pytest.fixture
def embedder() -> ScriptedEmbedder:
    return ScriptedEmbedder(models=5)


@pytest.fixture
async def channel(embedder: ScriptedEmbedder) -> AsyncIterator[grpc.aio.Channel]:
    registration = embed_service(EmbedServicer(embedder, max_items=MAX_ITEMS), ())
    metrics = CallMetrics(CollectorRegistry())
    async with (
        RpcServer(GrpcSettings(port=0, drain_seconds=1), [registration], Readiness(), metrics) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        yield channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> EmbedServiceStub:
    return EmbedServiceStub(channel)


def message(model: str = "", **fields: object) -> pb.EmbedRequest:
    content = types_pb2.Content(parts=[types_pb2.Part(text="hello")])
    return pb.EmbedRequest(model=model, contents=[content], **fields)


async def refusal(call: grpc.aio.Call) -> SensoriumError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_a_stream_is_answered_in_order_as_bulk_work(stub: EmbedServiceStub, embedder: ScriptedEmbedder) -> None:
    stream = stub.StreamEmbed()
    await stream.write(pb.StreamEmbedRequest(request=message("slow")))
    await stream.write(pb.StreamEmbedRequest(request=message("fast", priority=types_pb2.PRIORITY_INTERACTIVE)))
    await embedder.asked(2)
    embedder.go.set()
    models = [(await stream.read()).response.model for _ in range(2)]
    assert models == ["workspaces/default/models/slow", "workspaces/default/models/fast"]
    assert [request.priority for request in embedder.requests] == [Priority.BULK, Priority.INTERACTIVE]
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF


async def test_a_stream_answers_each_batch_without_waiting_for_the_next(stub: EmbedServiceStub) -> None:
    stream = stub.StreamEmbed()
    for _ in range(3):
        await stream.write(pb.StreamEmbedRequest(request=message()))
        assert len((await stream.read()).response.results) == 1
    await stream.done_writing()


async def test_a_stream_holds_back_the_sender(stub: EmbedServiceStub, embedder: ScriptedEmbedder) -> None:
    async def requests() -> AsyncIterator[pb.StreamEmbedRequest]:
        for _ in range(50):
            yield pb.StreamEmbedRequest(request=message("slow"))

    stream = stub.StreamEmbed(requests())
    await embedder.asked(4)
    # Several round trips more: enough to show that no fifth batch is begun.
    for _ in range(5):
        await stub.GetModel(pb.GetModelRequest())
    assert len(embedder.requests) == 4
    embedder.go.set()
    assert len([response async for response in stream]) == 50


async def test_an_error_ends_the_stream_after_the_answers_before_it(stub: EmbedServiceStub) -> None:
    stream = stub.StreamEmbed(iter([pb.StreamEmbedRequest(request=message(model)) for model in ("", "fail", "")]))
    assert len((await stream.read()).response.results) == 1
    error = await refusal(stream.read())
    assert (type(error), error.reason) == (Unavailable, Reason.BACKEND_UNAVAILABLE)


async def test_models_are_listed_by_pages(stub: EmbedServiceStub) -> None:
    names: list[str] = []
    token = ""
    for _ in range(3):
        page = await stub.ListModels(pb.ListModelsRequest(parent="workspaces/team", page_size=2, page_token=token))
        names += [model.name for model in page.models]
        token = page.next_page_token
    assert names == [f"workspaces/team/models/m0{n}" for n in range(5)]
    assert token == ""


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (pb.ListModelsRequest(page_size=-1), Reason.FIELD_INVALID),
        (pb.ListModelsRequest(page_token="é"), Reason.PAGE_TOKEN_INVALID),
        (pb.ListModelsRequest(page_token="abc"), Reason.PAGE_TOKEN_INVALID),
        (pb.ListModelsRequest(parent="teams/a"), Reason.NAME_INVALID),
    ],
)
async def test_a_wrong_page_is_refused(stub: EmbedServiceStub, request_: pb.ListModelsRequest, reason: Reason) -> None:
    assert (await refusal(stub.ListModels(request_))).reason is reason


async def test_a_wrong_model_name_is_refused(stub: EmbedServiceStub) -> None:
    assert (await refusal(stub.GetModel(pb.GetModelRequest(name="models/")))).reason is Reason.NAME_INVALID


async def test_too_many_contents_are_refused_before_they_are_read(
    stub: EmbedServiceStub, embedder: ScriptedEmbedder
) -> None:
    error = await refusal(stub.Embed(pb.EmbedRequest(contents=[types_pb2.Content()] * 100_000)))
    assert error.reason is Reason.TOO_MANY_ITEMS
    assert embedder.requests == []


async def test_an_unknown_option_names_its_field(stub: EmbedServiceStub) -> None:
    options = pb.EmbedOptions(truncation=99)  # type: ignore[arg-type]
    error = await refusal(stub.Embed(message(options=options)))
    assert (error.reason, error.field) == (Reason.FIELD_INVALID, "options.truncation")


async def test_a_part_that_holds_nothing_reaches_the_service_as_an_empty_text(
    stub: EmbedServiceStub, embedder: ScriptedEmbedder
) -> None:
    await stub.Embed(pb.EmbedRequest(contents=[types_pb2.Content(parts=[types_pb2.Part()])]))
    (part,) = embedder.requests[0].contents[0].parts
    assert (part.modality, part.body) == (Modality.TEXT, "")


async def test_a_text_that_is_not_utf8_is_malformed(channel: grpc.aio.Channel) -> None:
    part = b"\x0a\x02\xff\xfe"  # text = two bytes that no UTF-8 text has
    content = b"\x0a" + bytes([len(part)]) + part
    request = b"\x1a" + bytes([len(content)]) + content
    error = await refusal(channel.unary_unary("/sensorium.v1.EmbedService/Embed")(request))
    assert error.reason is Reason.REQUEST_MALFORMED
