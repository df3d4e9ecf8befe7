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
from opentelemetry.trace import format_span_id, format_trace_id

from sensorium.triton.settings import TritonSettings
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


async def test_one_trace_holds_our_span_and_tritons(
    settings: TritonSettings, sink: tuple[str, SimpleQueue[bytes]]
) -> None:
    endpoint, posted = sink
    tracer = TracerProvider().get_tracer("test")
    async with Supervisor(settings.model_copy(update={"otlp_http_endpoint": endpoint}), {}) as triton:
        await triton.wait_ready(30)
        with tracer.start_as_current_span("ours") as ours:
            await triton.infer("double", {"x": np.ones((1, 3), np.float32)}, ["y"])
        body = await asyncio.to_thread(posted.get, timeout=15)
    spans = [span for scope in json.loads(body)["resourceSpans"][0]["scopeSpans"] for span in scope["spans"]]
    assert {span["traceId"] for span in spans} == {format_trace_id(ours.get_span_context().trace_id)}
    assert format_span_id(ours.get_span_context().span_id) in {span["parentSpanId"] for span in spans}
    assert {"InferRequest", "double", "compute"} <= {span["name"] for span in spans}
