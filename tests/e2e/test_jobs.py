"""Long work on collections and backups, on real processes: killed halfway, and while others write."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mesh_process import ROOT, MeshProcess

from sensorium import Client, Document
from sensorium.errors import Unavailable
from sensorium.model.job import CollectionJob, JobState

DIMENSION = 64
COUNT = 6000
VECTORS = np.random.default_rng(0).standard_normal((COUNT, DIMENSION)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def searcher(folder: Path, **environment: str) -> MeshProcess:
    """Start the search role alone."""
    folder.mkdir(exist_ok=True)
    return MeshProcess.start(folder, "--role", "search", **environment).wait_serving()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[MeshProcess]:
    process = searcher(tmp_path)
    with Client(process.grpc_address) as client:
        client.create_collection("kept", dimension=DIMENSION)
        client.upsert("kept", [Document(str(row), vector=VECTORS[row]) for row in range(COUNT)])
    yield process
    process.stop(signal.SIGKILL)


def check_whole(address: str, count: int) -> None:
    with Client(address) as client:
        assert client.count("kept") == count
        for row in (0, count // 2, count - 1):
            assert next(iter(client.search("kept", VECTORS[row], top_k=1))).document.id == str(row)
        assert len(list(client.search("kept", VECTORS[0], top_k=1000))) == 1000


def test_kill_9_in_the_middle_of_a_reindex_loses_nothing_and_the_job_goes_on(
    started: MeshProcess, tmp_path: Path
) -> None:
    names = []

    def kill(job: CollectionJob) -> None:
        if job.state is not JobState.PENDING:
            names.append(job.name.id)
            started.stop(signal.SIGKILL)

    with Client(started.grpc_address) as client, pytest.raises(Unavailable):
        client.reindex("kept", on_change=kill)
    again = searcher(tmp_path)
    try:
        check_whole(again.grpc_address, COUNT)
        with Client(again.grpc_address) as client:
            states = [each.state for each in client.watch_job("kept", names[0])]
        assert states[-1] is JobState.SUCCEEDED
        check_whole(again.grpc_address, COUNT)
        assert again.stop() == 0
        (index,) = (tmp_path / "data" / "search" / "index").iterdir()
        assert index.name.endswith("-1")
    finally:
        again.stop(signal.SIGKILL)


def test_backup_while_others_write_comes_back_in_a_new_directory(started: MeshProcess, tmp_path: Path) -> None:
    enough = threading.Event()
    acknowledged = [COUNT]

    def write() -> None:
        with Client(started.grpc_address) as client:
            while not enough.is_set():
                rows = range(acknowledged[0], acknowledged[0] + 20)
                client.upsert("kept", [Document(f"late {row}", vector=VECTORS[row % COUNT]) for row in rows])
                acknowledged[0] += 20

    writing = threading.Thread(target=write)
    writing.start()
    try:
        before = acknowledged[0]
        sensorium("backup", "create", str(tmp_path / "copy"), "--data-dir", str(tmp_path / "data"))
    finally:
        enough.set()
        writing.join()
    (tmp_path / "other").mkdir()
    sensorium("backup", "restore", str(tmp_path / "copy"), "--data-dir", str(tmp_path / "other" / "data"))
    restored = searcher(tmp_path / "other")
    try:
        with Client(restored.grpc_address) as client:
            count = client.count("kept")
            assert before <= count <= acknowledged[0]
            assert len(list(client.search("kept", VECTORS[0], top_k=1000))) == 1000
            found = client.search("kept", VECTORS[17], top_k=2)
            assert "17" in [hit.document.id for hit in found]
    finally:
        assert restored.stop() == 0


def sensorium(*arguments: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "sensorium", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_a_collection_is_embedded_again_by_the_mesh(mesh: MeshProcess) -> None:
    texts = ("a red bicycle", "a blue car", "my tax return is late")
    with Client(mesh.grpc_address) as client:
        client.create_collection("own", dimension=2)
        documents = [Document(text, vector=np.ones(2, np.float32), attributes={"text": text}) for text in texts]
        client.upsert("own", documents).raise_for_errors()
        job = client.reembed("own", "again", model="all-minilm-l6-v2", source_attribute="text", alias="current")
        assert (job.state, job.done_count) == (JobState.SUCCEEDED, 3)
        assert next(iter(client.search("current", "two wheels and pedals", top_k=1))).document.id == texts[0]
        client.delete_alias("current")
        for each in ("own", "again"):
            client.delete_collection(each, force=True)
