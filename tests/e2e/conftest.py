"""Real processes for the end-to-end tests: `sensorium up` with a real Triton, on free ports, in a directory of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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
        """Start one and return without waiting for it."""
        settings = {
            "SENSORIUM_DATA_DIR": str(folder / "data"),
            "SENSORIUM_MODEL_REPOSITORY": str(ROOT / "model_repository"),
            "SENSORIUM_GRPC__PORT": "0",
            "SENSORIUM_HTTP__PORT": "0",
            "SENSORIUM_TELEMETRY__LOG_FORMAT": "json",
        }
        log = folder / "mesh.log"
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "sensorium", "up", *arguments],
                env={**os.environ, **settings, **environment},
                stdout=stream,
                stderr=stream,
                cwd=ROOT,
                start_new_session=True,
            )
        return cls(process, log)

    def events(self) -> list[dict[str, object]]:
        """Return the log lines so far."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait_for(self, event: str, seconds: float = START_SECONDS) -> dict[str, object]:
        """Wait for a log event and return its last line; fail with the log when the process ends or time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            found = [line for line in self.events() if line.get("event") == event]
            if found:
                return found[-1]
            time.sleep(0.05)
        raise AssertionError(f"no event {event!r}; the log ends with:\n{self.log.read_text()[-4000:]}")

    def wait_serving(self) -> "MeshProcess":
        """Wait until it serves, and note its addresses."""
        serving = self.wait_for("serving")
        self.grpc_address, self.http_address = str(serving["grpc"]), str(serving["http"])
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


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshProcess]:
    """One mesh for every test that does not harm it."""
    running = MeshProcess.start(tmp_path_factory.mktemp("mesh")).wait_serving()
    yield running
    assert running.stop() == 0


@pytest.fixture
def own_mesh(tmp_path: Path) -> Iterator[MeshProcess]:
    """A mesh of the test's own, to harm."""
    running = MeshProcess.start(tmp_path).wait_serving()
    yield running
    if running.process.poll() is None:
        running.stop(signal.SIGKILL)
