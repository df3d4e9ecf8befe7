"""`sensorium up` with a real Triton as a process of a test's own: free ports, a directory of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0


@dataclass
class MeshProcess:
    """A running `sensorium up`."""

    process: subprocess.Popen[bytes]
    log: Path
    grpc_address: str = ""
    http_address: str = ""

    @classmethod
    def start(cls, folder: Path, *arguments: str, **environment: str) -> "MeshProcess":
        """Start one and return without waiting for it; the environment may override every setting."""
        settings = {
            "SENSORIUM_DATA_DIR": str(folder / "data"),
            "SENSORIUM_TRITON__MODEL_REPOSITORY": str(ROOT / "model_repository"),
            "SENSORIUM_DATASET__ROOTS": json.dumps([str(ROOT / "samples"), str(ROOT / "build")]),
            "SENSORIUM_DATASET__EXPORT_ROOTS": json.dumps([str(ROOT / "build")]),
            "SENSORIUM_GRPC__PORT": "0",
            "SENSORIUM_HTTP__PORT": "0",
            "SENSORIUM_TELEMETRY__LOG_FORMAT": "json",
        }
        log = folder / "mesh.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "sensorium", "up", *arguments],
                env={**os.environ, **settings, **environment},
                stdout=stream,
                stderr=stream,
                cwd=ROOT,
                start_new_session=True,
            )
        return cls(process, log)

    def events(self) -> list[dict[str, Any]]:
        """Return the log lines so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def wait_for(self, event: str, seconds: float = START_SECONDS, **keys: object) -> dict[str, Any]:
        """Wait for a log event with these keys and return its last line.

        Raises:
            AssertionError: The process ended or the time is up; shows the end of the log.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            for line in reversed(self.events()):
                if line.get("event") == event and keys.items() <= line.items():
                    return line
            time.sleep(0.05)
        raise AssertionError(f"no event {event!r} {keys}; the log ends with:\n{self.log.read_text()[-4000:]}")

    def wait_serving(self) -> "MeshProcess":
        """Wait until it serves, and note its addresses."""
        serving = self.wait_for("serving")
        self.grpc_address, self.http_address = serving["grpc"], serving["http"]
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30) -> int:
        """Signal it, wait for its end, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it did not stop; the log ends with:\n{self.log.read_text()[-4000:]}") from None

    def connections(self) -> int:
        """Return how many connections its gRPC port has (https://docs.kernel.org/networking/proc_net_tcp.html)."""
        ours = f":{int(self.grpc_address.rpartition(':')[2]):04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(local.endswith(ours) and state == "01" for _, local, _, state, *_ in rows)

    def memory_bytes(self) -> int:
        """Return its resident memory, without that of processes below it."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))

    def triton(self) -> int:
        """Return the process id of its Triton server."""
        for child in self.descendants():
            command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0]
            if command.endswith(b"tritonserver"):
                return child
        raise AssertionError("there is no Triton")

    def descendants(self) -> list[int]:
        """Return the ids of the processes below it: Triton and its model instances."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(stat.parent.name)] = int(fields[1])
        found, frontier = [], {self.process.pid}
        while frontier:
            frontier = {child for child, parent in parents.items() if parent in frontier}
            found.extend(frontier)
        return found
