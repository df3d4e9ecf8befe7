"""The span of an incoming call, within its caller's trace."""

from collections.abc import Mapping
from typing import Any, Protocol

from opentelemetry import context, propagate, trace

from sensorium.errors import SensoriumError
from sensorium.rpc.status import status_code

_tracer = trace.get_tracer("sensorium")


class ServerSpan(Protocol):
    """One incoming call in a trace."""

    def end(self, request_id: str, error: SensoriumError | None) -> None:
        """End the span with how the call ended."""
        ...


class Untraced:
    """Stands for the span of a call that no trace follows."""

    def end(self, request_id: str, error: SensoriumError | None) -> None:
        """Do nothing."""


class Traced:
    """A span of OpenTelemetry, the current one until it ends. Without an exporter it passes the caller's trace on.

    Args:
        span: The span, started.
    """

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token = context.attach(trace.set_span_in_context(span))

    def end(self, request_id: str, error: SensoriumError | None) -> None:
        """End the span; an error makes it one."""
        context.detach(self._token)
        self._span.set_attribute("sensorium.request_id", request_id)
        self._span.set_attribute("rpc.grpc.status_code", status_code(error).value[0] if error else 0)
        if error:
            self._span.set_status(trace.StatusCode.ERROR, f"{error.reason}: {error.message}")
        self._span.end()


_UNTRACED = Untraced()


def start_server_span(method: str, headers: Mapping[str, Any], *, system: str = "grpc") -> ServerSpan:
    """Return the started span of a call of `method` (`/package.Service/Method`)."""
    parent = propagate.extract(headers) if "traceparent" in headers else None
    span = _tracer.start_span(method[1:], parent, trace.SpanKind.SERVER, {"rpc.system": system})
    return Traced(span) if span.get_span_context().is_valid else _UNTRACED
