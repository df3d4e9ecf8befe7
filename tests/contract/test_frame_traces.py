"""One trace follows a call from its client through every server, and arrives where OTLP is sent."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
from framed import Framed, framed
from grpc import aio
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otlp_sinks import grpc_sink

from sensorium import errors
from sensorium.rpc.channel import open_channel
from sensorium.settings import Role, TelemetrySettings
from sensorium.telemetry.traces import otlp_processor, tracer_provider
from sensorium.v1.embed_service_pb2 import EmbedRequest, EmbedResponse, StreamEmbedRequest
from sensorium.v1.embed_service_pb2_grpc import EmbedServiceStub

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
METHOD = "sensorium.v1.EmbedService/Embed"


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """OpenTelemetry takes one provider per process, so the tests of this file share one."""
    memory = InMemorySpanExporter()
    trace.set_tracer_provider(tracer_provider(TelemetrySettings(), Role.ALL, SimpleSpanProcessor(memory)))
    return memory


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    exporter.clear()
    yield exporter
    exporter.clear()


@pytest.fixture
async def chain() -> AsyncIterator[tuple[Framed, Framed]]:
    """A front server that calls a back server, as a gateway does."""
    async with framed() as back, open_channel(back.address) as channel:

        async def forward(request: EmbedRequest) -> EmbedResponse:
            return await EmbedServiceStub(channel).Embed(request)

        async with framed(forward) as front:
            yield front, back


def by_kind(memory: InMemorySpanExporter) -> dict[str, list[ReadableSpan]]:
    finished = memory.get_finished_spans()
    return {kind.name: [span for span in finished if span.kind is kind] for kind in trace.SpanKind}


async def test_one_trace_goes_through_every_server(spans: InMemorySpanExporter, chain: tuple[Framed, Framed]) -> None:
    front, back = chain
    async with open_channel(front.address) as channel:
        await EmbedServiceStub(channel).Embed(EmbedRequest())
    found = by_kind(spans)
    assert {span.name for span in spans.get_finished_spans()} == {METHOD}
    assert (len(found["CLIENT"]), len(found["SERVER"])) == (2, 2)
    assert len({span.context.trace_id for span in spans.get_finished_spans() if span.context}) == 1
    clients = {span.context.span_id for span in found["CLIENT"] if span.context}
    assert {span.parent.span_id for span in found["SERVER"] if span.parent} == clients
    assert back.servicer.calls[0].request_id == front.servicer.calls[0].request_id


async def test_a_callers_own_trace_is_joined(spans: InMemorySpanExporter) -> None:
    async with framed() as server, aio.insecure_channel(server.address) as channel:
        await EmbedServiceStub(channel).Embed(EmbedRequest(), metadata=(("traceparent", TRACEPARENT),))
    [span] = by_kind(spans)["SERVER"]
    assert span.parent is not None
    assert trace.format_trace_id(span.parent.trace_id) == TRACEPARENT.split("-")[1]


async def test_a_failure_marks_the_spans_of_both_sides(spans: InMemorySpanExporter) -> None:
    async def fail(_request: EmbedRequest) -> EmbedResponse:
        raise RuntimeError("secret")

    async with framed(fail) as server, open_channel(server.address) as channel:
        with pytest.raises(errors.Internal):
            await EmbedServiceStub(channel).Embed(EmbedRequest())
    for span in spans.get_finished_spans():
        assert span.status.status_code is trace.StatusCode.ERROR
        assert span.attributes is not None
        assert span.attributes["rpc.grpc.status_code"] == grpc.StatusCode.INTERNAL.value[0]
        assert "secret" not in span.to_json()


async def test_a_stream_is_one_span_on_each_side(spans: InMemorySpanExporter) -> None:
    async with framed() as server, open_channel(server.address) as channel:
        responses = EmbedServiceStub(channel).StreamEmbed(iter([StreamEmbedRequest(), StreamEmbedRequest()]))
        assert len([response async for response in responses]) == 2
    found = by_kind(spans)
    assert (len(found["CLIENT"]), len(found["SERVER"])) == (1, 1)


async def test_spans_arrive_at_the_configured_otlp_endpoint() -> None:
    with grpc_sink() as sink:
        settings = TelemetrySettings(otlp_endpoint=sink.endpoint)
        provider: TracerProvider = tracer_provider(settings, Role.EMBED, otlp_processor(settings))
        provider.get_tracer("test").start_span("a call").end()
        await asyncio.to_thread(provider.shutdown)
        sent = await asyncio.to_thread(sink.spans.get, timeout=5)
    assert (sent.service, sent.name) == ("sensorium-embed", "a call")
