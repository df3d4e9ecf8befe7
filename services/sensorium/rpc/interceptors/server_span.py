"""The span of an incoming call, within its caller's trace."""

from collections.abc import Mapping
from typing import Any, Self

from opentelemetry import context, propagate, trace

from sensorium.errors import SensoriumError
from sensorium.rpc.status import status_code

_tracer = trace.get_tracer("sensorium")


class ServerSpan:
    """A span that is the current one until it ends. Without an exporter it only passes the caller's trace on."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token = context.attach(trace.set_span_in_context(span))

    @classmethod
    def started(cls, method: str, headers: Mapping[str, Any]) -> Self:
        """Start the span of `method` (`/package.Service/Method`)."""
        parent = propagate.extract(headers) if "traceparent" in headers else None
        return cls(_tracer.start_span(method[1:], parent, trace.SpanKind.SERVER, {"rpc.system": "grpc"}))

    def end(self, request_id: str, error: SensoriumError | None) -> None:
        """End it with how the call ended."""
        context.detach(self._token)
        if self._span.is_recording():
            self._span.set_attribute("sensorium.request_id", request_id)
            self._span.set_attribute("rpc.grpc.status_code", status_code(error).value[0] if error else 0)
            if error:
                self._span.set_status(trace.StatusCode.ERROR, f"{error.reason}: {error.message}")
        self._span.end()
