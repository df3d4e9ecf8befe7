"""Triton's spans join our trace."""

import asyncio

import numpy as np
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanContext, format_span_id, format_trace_id
from otlp_sinks import SentSpan, http_sink

from sensorium.settings import TritonSettings
from sensorium.triton.supervisor import Supervisor


async def test_tritons_spans_join_the_traces_of_calls(settings: TritonSettings) -> None:
    tracer = TracerProvider().get_tracer("test")
    ours = set()
    with http_sink() as sink:
        async with Supervisor(settings.model_copy(update={"otlp_http_endpoint": sink.endpoint}), {}) as triton:
            await triton.wait_ready(30)
            for _ in range(40):
                with tracer.start_as_current_span("ours") as span:
                    await triton.infer("double", {"x": np.ones((1, 3), np.float32)}, ["y"])
                ours.add(ids(span.get_span_context()))
            spans: list[SentSpan] = []
            while sum(span.name == "InferRequest" for span in spans) < len(ours):
                spans.append(await asyncio.to_thread(sink.spans.get, timeout=15))
    joined = ours & {(span.trace_id, span.parent_id) for span in spans}
    assert len(joined) > len(ours) / 2  # not all: see trace_metadata
    assert {span.name for span in spans} == {"InferRequest", "double", "compute"}


def ids(context: SpanContext) -> tuple[str, str]:
    return format_trace_id(context.trace_id), format_span_id(context.span_id)
