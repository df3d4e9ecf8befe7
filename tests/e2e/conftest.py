"""Meshes for the end-to-end tests: one that they share, and one that a test may harm."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from mesh_process import ROOT, MeshProcess


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshProcess]:
    """One mesh for every test that does not harm it."""
    running = MeshProcess.start(tmp_path_factory.mktemp("mesh")).wait_serving()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def starter_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshProcess]:
    """A mesh that serves the starter model beside the default one, and reads the folder `files` beside its own."""
    folder = tmp_path_factory.mktemp("starter")
    roots = json.dumps([str(ROOT / "samples"), str(ROOT / "build"), str(folder / "files")])
    models = '["all-minilm-l6-v2", "starter-trimodal-v1"]'
    running = MeshProcess.start(folder, SENSORIUM_EMBED__MODELS=models, SENSORIUM_DATASET__ROOTS=roots)
    yield running.wait_serving()
    assert running.stop() == 0


@pytest.fixture
def own_mesh(tmp_path: Path) -> Iterator[MeshProcess]:
    """A mesh of the test's own, to harm."""
    running = MeshProcess.start(tmp_path).wait_serving()
    yield running
    if running.process.poll() is None:
        running.stop(signal.SIGKILL)
