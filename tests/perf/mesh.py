"""A mesh of its own for a benchmark: `sensorium up` with a real Triton, on free ports, in a directory of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Mesh:
    """A running mesh: its process, its public addresses, and when it was started (`time.monotonic`)."""

    pid: int
    address: str
    started: float
    http_address: str = ""

    def cpu_seconds(self) -> tuple[float, float]:
        """Return the CPU seconds of the mesh and of all processes below it (Triton) so far."""
        below = [_cpu_seconds(pid) for pid in _descendants(self.pid)]
        return _cpu_seconds(self.pid), sum(below)

    def peak_memory_bytes(self) -> int:
        """Return the most resident memory that the mesh had so far, Triton aside."""
        return self._memory("VmHWM")

    def memory_bytes(self) -> int:
        """Return the resident memory of the mesh, Triton aside."""
        return self._memory("VmRSS")

    def _memory(self, kind: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(kind))


@contextmanager
def running_mesh(folder: Path, models: Sequence[str], **settings: str) -> Iterator[Mesh]:
    """Start a mesh that serves `models`, with more settings as variables, and stop it at the end."""
    log = folder / "mesh.log"
    environment = {
        "SENSORIUM_DATA_DIR": str(folder / "data"),
        "SENSORIUM_GRPC__PORT": "0",
        "SENSORIUM_HTTP__PORT": "0",
        "SENSORIUM_TELEMETRY__LOG_FORMAT": "json",
        "SENSORIUM_EMBED__MODELS": json.dumps(models),
        **settings,
    }
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sensorium", "up"],
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            cwd=ROOT,
            start_new_session=True,
        )
    try:
        grpc, http = _addresses(process, log)
        yield Mesh(process.pid, grpc, started, http)
    finally:
        process.terminate()
        process.wait(60)


def _addresses(process: "subprocess.Popen[bytes]", log: Path) -> tuple[str, str]:
    """Wait until the mesh says where it serves."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        for line in log.read_text().splitlines():
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "serving":
                return str(event["grpc"]), str(event["http"])
        time.sleep(0.02)
    raise RuntimeError(f"the mesh does not serve; its log ends with:\n{log.read_text()[-4000:]}")


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_descendants(child)]
    return found
