"""A real Triton on tiny models, for the tests beside this file."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from sensorium.settings import TritonSettings
from sensorium.triton.canary import ContentCanary
from sensorium.triton.installation import find_installation

ROOT = Path(__file__).parents[3]
ENVIRONMENT = Path(os.environ.get("SENSORIUM_TRITON__ENVIRONMENT", ROOT / ".venv-triton"))

Processes = Callable[[], dict[str, list[int]]]


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository: double, plain (no batching), zeros, slow; broken and mistyped do not load."""
    find_installation(ENVIRONMENT)  # says what is missing, and how to get it
    folder = tmp_path_factory.mktemp("models")
    script = Path(__file__).parent / "tiny_models.py"
    subprocess.run([ENVIRONMENT / "bin/python", script, folder], check=True)
    return folder


@pytest.fixture(scope="session")
def settings(repository: Path) -> TritonSettings:
    """Settings for the tiny models, impatient."""
    return TritonSettings(
        environment=ENVIRONMENT,
        model_repository=repository,
        models=("double",),
        config_name="cpu",
        start_timeout_seconds=60,
        stop_timeout_seconds=0.5,
        probe_interval_seconds=0.2,
        probe_timeout_seconds=1,
        canary_interval_seconds=0.2,
    )


@pytest.fixture(scope="session")
def canaries() -> dict[str, ContentCanary]:
    """A canary for each model that doubles, or should."""
    inputs = [{"x": np.array([row], np.float32)} for row in ([1, 1, 1], [1, 2, 3])]
    expected = [2 * tensors["x"] for tensors in inputs]
    models = ("double", "plain", "zeros", "broken", "mistyped")
    return {model: ContentCanary(model, inputs, "y", expected=expected) for model in models}


@pytest.fixture
def processes(repository: Path) -> Processes:
    """Asks which processes work on the repository: ids by the name of the executable."""

    def ask() -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for entry in Path("/proc").glob("[0-9]*"):
            command = _command(entry)
            if any(os.fsencode(repository) in part for part in command):
                found.setdefault(Path(os.fsdecode(command[0])).name, []).append(int(entry.name))
        return found

    return ask


def _command(entry: Path) -> list[bytes]:
    """A process's command line; empty when it is gone."""
    try:
        return (entry / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


@pytest.fixture(autouse=True)
def nothing_left_behind(processes: Processes) -> Iterator[None]:
    """Every test ends with no process, shared memory or run directory of its own left."""
    before = processes(), _leftovers()
    yield
    assert processes() == before[0]
    assert _leftovers() <= before[1]  # a start sweeps away what others left


def _leftovers() -> set[str]:
    """Runs of this process and of dead ones with a region or a directory; other living processes keep theirs."""
    return {
        "-".join(path.name.split("-")[:5])
        for folder in ("/dev/shm", "/tmp")
        for path in Path(folder).glob("sensorium-triton-*")
        if int(path.name.split("-")[3]) == os.getpid() or not Path("/proc", path.name.split("-")[3]).exists()
    }
