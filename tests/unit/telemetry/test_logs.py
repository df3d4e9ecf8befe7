"""Every line looks the same, names its call, and shows nothing private."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from sensorium import context
from sensorium.context import CallContext
from sensorium.settings import TelemetrySettings
from sensorium.telemetry.logs import configure_logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail_with_local() -> None:
    embedded = "what was embedded"
    raise ValueError(len(embedded))


def test_a_line_within_a_call_names_the_call(stream: io.StringIO) -> None:
    configure_logs(TelemetrySettings(log_format="json"), stream)
    with context.opened(CallContext("call-7")):
        structlog.get_logger().info("indexed", documents=3)
    [line] = lines(stream)
    assert (line["event"], line["documents"], line["level"], line["request_id"]) == ("indexed", 3, "info", "call-7")
    assert str(line["timestamp"]).endswith("Z")


def test_lines_of_the_standard_library_look_the_same(stream: io.StringIO) -> None:
    configure_logs(TelemetrySettings(log_format="json"), stream)
    with context.opened(CallContext("call-7")):
        logging.getLogger("some.library").warning("%s retries", 2, extra={"host": "h"})
    [line] = lines(stream)
    assert (line["event"], line["level"], line["host"], line["request_id"]) == ("2 retries", "warning", "h", "call-7")


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    configure_logs(TelemetrySettings(log_format="json", log_level="warning"), stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("some.library").info("quiet")
    assert stream.getvalue() == ""


def test_libraries_that_repeat_us_speak_from_warning_on(stream: io.StringIO) -> None:
    configure_logs(TelemetrySettings(log_format="json"), stream)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("sqlalchemy.engine").warning("slow")
    assert [line["event"] for line in lines(stream)] == ["slow"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_values(stream: io.StringIO, log_format: str) -> None:
    configure_logs(TelemetrySettings(log_format=log_format), stream)
    try:
        fail_with_local()
    except ValueError as fault:
        structlog.get_logger().error("failed", exc_info=fault)
    assert "fail_with_local" in stream.getvalue()
    assert "what was embedded'" not in stream.getvalue()


def test_a_stream_that_is_no_terminal_gets_json(stream: io.StringIO) -> None:
    configure_logs(TelemetrySettings(log_format="auto"), stream)
    structlog.get_logger().info("started")
    assert lines(stream)[0]["event"] == "started"


def test_a_console_line_opens_with_time_level_and_event(stream: io.StringIO) -> None:
    configure_logs(TelemetrySettings(log_format="console"), stream)
    structlog.get_logger().info("started", port=1)
    assert stream.getvalue().endswith("[info     ] started port=1\n")
