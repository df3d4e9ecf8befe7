"""Reading Triton's log."""

import logging

import pytest
from structlog.testing import capture_logs

from sensorium.triton.logs import LogLine, TritonLog, parse_log_line


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        (
            'I1121 02:08:59.571791 5695 http_server.cc:362] "Started Metrics Service at 127.0.0.1:19002"',
            LogLine(logging.INFO, "Started Metrics Service at 127.0.0.1:19002", "http_server.cc:362"),
        ),
        (
            r'E1121 02:09:01.230447 5695 backend_model.cc:692] "ERROR: \"x\"\nmore"',
            LogLine(logging.ERROR, 'ERROR: "x"\nmore', "backend_model.cc:692"),
        ),
        (
            "E1121 02:09:48.966338977    6129 chttp2_server.cc:1060]                UNKNOWN:No address added",
            LogLine(logging.ERROR, "UNKNOWN:No address added", "chttp2_server.cc:1060"),
        ),
        ('W1121 02:08:59.5 1 a.cc:1] "broken', LogLine(logging.WARNING, '"broken', "a.cc:1")),
        (
            'E1121 02:08:59.5 1 server.cc:241] "CudaDriverHelper has not been initialized."',
            LogLine(logging.DEBUG, "CudaDriverHelper has not been initialized.", "server.cc:241"),
        ),
        ("I1121 02:08:59.5 1 server.cc:604] ", LogLine(logging.DEBUG, "", "server.cc:604")),
        ("| Model | Version |", LogLine(logging.DEBUG, "| Model | Version |")),
    ],
    ids=["info", "escaped", "grpc", "unbalanced", "harmless", "empty", "table"],
)
def test_a_line_is_parsed(line: str, parsed: LogLine) -> None:
    assert parse_log_line(line) == parsed


def test_lines_are_logged_and_the_last_are_kept() -> None:
    with capture_logs() as logged:
        log = TritonLog(kept=2)
        for raw in (b"one\n", b"+----+\n", b"\n", b"two\xff\n", b"three\n"):
            log.write(raw)
    assert log.last() == "two\ufffd\nthree"
    assert [entry["message"] for entry in logged] == ["one", "+----+", "two\ufffd", "three"]
    assert {entry["event"] for entry in logged} == {"triton"}
