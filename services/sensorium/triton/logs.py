"""Joins Triton's log lines to ours, and keeps the last of them for the error when it dies."""

import json
import logging
import re
from collections import deque
from dataclasses import dataclass

import structlog

# I1121 02:08:59.522672 5695 server.cc:604] "message"      (gRPC's own lines have more digits and no quotes)
_LINE = re.compile(r"(?P<level>[IWEF])\d{4} [\d:.]+ +\d+ (?P<source>[\w.]+:\d+)\] *(?P<message>.*)")
_LEVELS = {"I": logging.INFO, "W": logging.WARNING, "E": logging.ERROR, "F": logging.CRITICAL}
# Said at every start on a machine without a GPU: neither a warning nor an error there.
_TABLE = ("+-", "| ")
_HARMLESS = (
    "Unable to allocate pinned system memory",
    "failed to allocate pinned system memory",
    "CudaDriverHelper has not been initialized",
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of Triton's log.

    Attributes:
        level: The level as `logging` numbers it; a line of a table or of a library is DEBUG.
        message: What it says.
        source: The file and line in Triton's source; empty when it names none.
    """

    level: int
    message: str
    source: str = ""


def parse_log_line(line: str) -> LogLine:
    """Return the parts of a line in Triton's default log format; any other line is a DEBUG message whole."""
    matched = _LINE.fullmatch(line)
    if not matched:
        return LogLine(logging.DEBUG, line)
    message = _unquoted(matched["message"])
    quiet = not message or message.startswith(_HARMLESS)  # without a message: a table follows
    level = logging.DEBUG if quiet else _LEVELS[matched["level"]]
    return LogLine(level, message, matched["source"])


def _unquoted(message: str) -> str:
    if not message.startswith('"'):
        return message
    try:
        return str(json.loads(message))
    except ValueError:
        return message


class TritonLog:
    """Writes each line as an event named `triton` and remembers the last `kept` lines, tables left out."""

    def __init__(self, *, kept: int = 50) -> None:
        self._log = structlog.get_logger()
        self._last: deque[str] = deque(maxlen=kept)

    def write(self, raw: bytes) -> None:
        """Join one raw line."""
        text = raw.decode(errors="replace").rstrip()
        if text:
            if not text.startswith(_TABLE):
                self._last.append(text)
            line = parse_log_line(text)
            self._log.log(line.level, "triton", message=line.message, source=line.source)

    def last(self) -> str:
        """Return the last lines, as Triton wrote them."""
        return "\n".join(self._last)
