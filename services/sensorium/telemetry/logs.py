"""Sends every log line the same way: structlog's and the standard library's, as text on a terminal, else as JSON."""

import logging
import sys
from collections.abc import Sequence
from typing import TextIO

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from sensorium import context
from sensorium.settings import TelemetrySettings

# Each says at INFO what our own lines say better, or says at WARNING what we handle.
_QUIET = ("alembic", "asyncio", "grpc", "httpx", "sqlalchemy", "uvicorn")


def configure_logs(settings: TelemetrySettings, stream: TextIO = sys.stderr) -> None:
    """Route all logs of the process to `stream`; call it once, at the start.

    A line holds the event's name, its keys, level, UTC time, and within a call `request_id`, `trace_id` and `key_id`.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=_rendering(settings, stream), foreign_pre_chain=_shared())
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def add_call(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the request id of the current call, the ids of its caller's key and of its trace, where there are any."""
    call = context.current()
    if call:
        event.setdefault("request_id", call.request_id)
        if call.key_id:
            event.setdefault("key_id", call.key_id)
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event.setdefault("trace_id", trace.format_trace_id(span.trace_id))
    return event


def _shared() -> list[Processor]:
    """Return what is done to lines of either origin."""
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_call,
    ]


def _rendering(settings: TelemetrySettings, stream: TextIO) -> Sequence[Processor]:
    """Return what turns an event into a line."""
    clean: Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if settings.log_format == "console" or (settings.log_format == "auto" and stream.isatty()):
        return [clean, _console(stream)]
    traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
    return [clean, traceback, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]


def _console(stream: TextIO) -> Processor:
    """Return the renderer for people. Its default would print local variables, and so what was embedded."""
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
