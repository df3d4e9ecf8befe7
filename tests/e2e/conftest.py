"""Meshes for the end-to-end tests: one that they share, and one that a test may harm."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from mesh_process import MeshProcess

STARTER = "starter-trimodal-v1"


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshProcess]:
    """One mesh for every test that does not harm it."""
    running = MeshProcess.start(tmp_path_factory.mktemp("mesh")).wait_serving()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshProcess]:
    """A mesh that serves the starter model beside the default one, for every test that does not harm it."""
    models = {"SENSORIUM_EMBED__MODELS": f'["all-minilm-l6-v2", "{STARTER}"]'}
    running = MeshProcess.start(tmp_path_factory.mktemp("starter"), **models).wait_serving()
    yield running
    assert running.stop() == 0


@pytest.fixture
def own_mesh(tmp_path: Path) -> Iterator[MeshProcess]:
    """A mesh of the test's own, to harm."""
    running = MeshProcess.start(tmp_path).wait_serving()
    yield running
    if running.process.poll() is None:
        running.stop(signal.SIGKILL)
