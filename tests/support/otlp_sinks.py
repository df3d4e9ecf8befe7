"""Where traces are sent in tests: OTLP over gRPC, as the mesh speaks it, and over HTTP with JSON, as Triton does."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass(frozen=True)
class SentSpan:
    """What a test looks at; ids in hexadecimal digits."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str


@dataclass(frozen=True)
class SpanSink:
    """An endpoint, and the spans that arrived there."""

    endpoint: str
    spans: SimpleQueue[SentSpan] = field(default_factory=SimpleQueue)


@contextmanager
def grpc_sink(address: str = "127.0.0.1:0") -> Iterator[SpanSink]:
    """Take OTLP over gRPC."""
    server = grpc.server(ThreadPoolExecutor(2))
    sink = SpanSink(f"http://127.0.0.1:{server.add_insecure_port(address)}")
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Servicer(sink.spans), server)
    server.start()
    yield sink
    server.stop(1).wait()


class _Servicer(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, spans: SimpleQueue[SentSpan]) -> None:
        self._spans = spans

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        for resource in request.resource_spans:
            service = {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"]
            for scope in resource.scope_spans:
                for span in scope.spans:
                    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                    self._spans.put(SentSpan(service, span.name, *ids))
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def http_sink(host: str = "127.0.0.1", port: int = 0) -> Iterator[SpanSink]:
    """Take OTLP over HTTP, as JSON."""
    spans: SimpleQueue[SentSpan] = SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            for span in _spans_in(self.rfile.read(int(self.headers["content-length"]))):
                spans.put(span)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((host, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield SpanSink(f"http://127.0.0.1:{server.server_port}/v1/traces", spans)
        server.shutdown()
        thread.join()


def _spans_in(body: bytes) -> Iterator[SentSpan]:
    for resource in json.loads(body)["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                yield SentSpan("triton", span["name"], span["traceId"], span["spanId"], span.get("parentSpanId", ""))
