"""The span of an outgoing call, and the headers that carry its trace on.

The client library is installed without OpenTelemetry; there, and where nobody traces, all of this does nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import grpc

try:
    from opentelemetry import propagate, trace
except ImportError:
    _TRACEABLE = False
else:
    _TRACEABLE = True
    _tracer = trace.get_tracer("sensorium")


class ClientSpan(Protocol):
    """One outgoing call in a trace."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers that carry the trace on."""
        ...

    def end(self, code: grpc.StatusCode, message: str) -> None:
        """End the span with how the call ended."""
        ...


class Untraced:
    """Stands for the span of a call that no trace follows."""

    headers: Mapping[str, str] = MappingProxyType({})

    def end(self, code: grpc.StatusCode, message: str) -> None:
        """Do nothing."""


class Traced:
    """A span of OpenTelemetry.

    Args:
        span: The span, started.
    """

    def __init__(self, span: "trace.Span") -> None:
        self._span = span
        self.headers: dict[str, str] = {}
        propagate.inject(self.headers, trace.set_span_in_context(span))

    def end(self, code: grpc.StatusCode, message: str) -> None:
        """End the span; any code but OK makes it an error."""
        self._span.set_attribute("rpc.grpc.status_code", code.value[0])
        if code is not grpc.StatusCode.OK:
            self._span.set_status(trace.StatusCode.ERROR, f"{code.name}: {message}")
        self._span.end()


_UNTRACED = Untraced()


def start_client_span(method: str) -> ClientSpan:
    """Return the started span of a call of `method` (`/package.Service/Method`)."""
    if not _TRACEABLE:
        return _UNTRACED
    span = _tracer.start_span(method[1:], kind=trace.SpanKind.CLIENT, attributes={"rpc.system": "grpc"})
    return Traced(span) if span.get_span_context().is_valid else _UNTRACED
