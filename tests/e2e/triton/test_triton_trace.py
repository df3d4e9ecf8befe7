"""Triton's spans join our trace."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue

import numpy as np
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanContext, format_span_id, format_trace_id

from sensorium.settings import TritonSettings
from sensorium.triton.supervisor import Supervisor


@pytest.fixture
def sink() -> Iterator[tuple[str, SimpleQueue[bytes]]]:
    """An OTLP/HTTP endpoint, and what is posted to it."""
    posted: SimpleQueue[bytes] = SimpleQueue()

    class Sink(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.put(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", posted
        server.shutdown()
        thread.join()


async def test_tritons_spans_join_the_traces_of_calls(
    settings: TritonSettings, sink: tuple[str, SimpleQueue[bytes]]
) -> None:
    endpoint, posted = sink
    tracer = TracerProvider().get_tracer("test")
    ours = set()
    async with Supervisor(settings.model_copy(update={"otlp_http_endpoint": endpoint}), {}) as triton:
        await triton.wait_ready(30)
        for _ in range(40):
            with tracer.start_as_current_span("ours") as span:
                await triton.infer("double", {"x": np.ones((1, 3), np.float32)}, ["y"])
            ours.add(ids(span.get_span_context()))
        spans: list[dict[str, str]] = []
        while sum(span["name"] == "InferRequest" for span in spans) < len(ours):
            spans += spans_in(await asyncio.to_thread(posted.get, timeout=15))
    joined = ours & {(span["traceId"], span.get("parentSpanId", "")) for span in spans}
    assert len(joined) > len(ours) / 2  # not all: see trace_metadata
    assert {span["name"] for span in spans} == {"InferRequest", "double", "compute"}


def ids(context: SpanContext) -> tuple[str, str]:
    return format_trace_id(context.trace_id), format_span_id(context.span_id)


def spans_in(body: bytes) -> list[dict[str, str]]:
    return [
        span
        for resource in json.loads(body)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
