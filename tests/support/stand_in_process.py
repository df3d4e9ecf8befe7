"""The stand-in for Triton as a process: where it is, and when it ends."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parent / "stand_in_triton.py"


@dataclass(frozen=True)
class StandInProcess:
    """A running stand-in; `address` is `host:port`."""

    process: "subprocess.Popen[str]"
    address: str


@contextmanager
def stand_in_triton(tokens_per_second: float, port: int = 0) -> Iterator[StandInProcess]:
    """Run a stand-in for the body."""
    command = [sys.executable, str(SCRIPT), "--tokens-per-second", str(tokens_per_second), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield StandInProcess(process, process.stdout.readline().strip())
        finally:
            process.kill()
