"""Exports spans over OTLP when an endpoint is configured; otherwise traces pass through and cost next to nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from sensorium import __version__
from sensorium.settings import Role, TelemetrySettings


@contextmanager
def traces(settings: TelemetrySettings, role: Role) -> Iterator[None]:
    """Export this process's spans while the body runs, and send the last of them when it ends.

    Works once per process, as OpenTelemetry allows one provider.
    """
    if not settings.otlp_endpoint:
        yield
        return
    provider = tracer_provider(settings, role, otlp_processor(settings))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def tracer_provider(settings: TelemetrySettings, role: Role, processor: SpanProcessor) -> TracerProvider:
    """Return a provider whose spans name this service, sampled unless the caller has decided."""
    resource = Resource.create({"service.name": f"sensorium-{role}", "service.version": __version__})
    provider = TracerProvider(
        resource=resource, sampler=ParentBasedTraceIdRatio(settings.sample_ratio), shutdown_on_exit=False
    )
    provider.add_span_processor(processor)
    return provider


def otlp_processor(settings: TelemetrySettings) -> SpanProcessor:
    """Return what sends spans in batches, from a thread of its own, over gRPC; `http://` means plain text."""
    return BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint, timeout=5))
