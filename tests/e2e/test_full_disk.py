"""A disk that fills up stops writes with a clear error; searches go on, and writes too once there is room."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from mesh_process import MeshProcess
from search_samples import unit_vectors

from sensorium import Client, Document
from sensorium.errors import Reason, ResourceExhausted, SensoriumError

DIMENSION = 256
DISK_BYTES = 48 << 20
KEPT_FREE = 8 << 20
BATCH = 500
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk that is small enough to fill")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    mounted = tmp_path / "data"
    mounted.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", mounted], check=False)
    if made.returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    yield mounted
    subprocess.run(["umount", "-l", mounted], check=True)


@pytest.fixture
def search(disk: Path) -> Iterator[MeshProcess]:
    """A search role on that disk."""
    # On a disk without a byte left, the system ends a process that optimises an index (docs/resilience.md).
    settings = {"SENSORIUM_SEARCH__MIN_FREE_BYTES": str(KEPT_FREE), "SENSORIUM_SEARCH__OPTIMIZE_AFTER": "1000000"}
    process = MeshProcess.start(disk.parent, "--role", "search", **settings).wait_serving()
    yield process
    process.stop(signal.SIGKILL)


def fill(client: Client) -> tuple[int, SensoriumError]:
    """Write until a write fails; return how many documents were acknowledged, and the error."""
    written = 0
    while written * DIMENSION < DISK_BYTES:
        rows = unit_vectors(BATCH, seed=written, dimension=DIMENSION)
        try:
            client.upsert("full", [Document(f"d{written + place}", vector=row) for place, row in enumerate(rows)])
        except SensoriumError as error:
            return written, error
        written += BATCH
    raise AssertionError("the disk never filled up")


def refused(client: Client) -> SensoriumError:
    with pytest.raises(ResourceExhausted) as raised:
        client.upsert("full", [Document("refused", vector=np.ones(DIMENSION, np.float32))])
    return raised.value


def fill_to_the_last_byte(file: Path) -> None:
    """Do what another process may do to the disk."""
    with suppress(OSError), file.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(1 << 16))


def test_a_full_disk_stops_writes_alone_until_there_is_room(search: MeshProcess, disk: Path) -> None:
    first = unit_vectors(BATCH, seed=0, dimension=DIMENSION)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(DISK_BYTES // 3))
    with Client(search.grpc_address, retries=0) as client:
        client.create_collection("full", dimension=DIMENSION)
        written, error = fill(client)
        assert written
        assert (type(error), error.reason, error.retry_after) == (ResourceExhausted, Reason.STORAGE_FULL, None)
        client.search("full", first[0], top_k=1)  # brings the index level, so that nothing of it is left to write
        fill_to_the_last_byte(disk / "of others")
        assert refused(client).reason is Reason.STORAGE_FULL
        for place in (0, BATCH - 1):
            assert [hit.document.id for hit in client.search("full", first[place], top_k=1)] == [f"d{place}"]
        assert client.count("full") == written
        for file in (disk / "of others", ballast):
            file.unlink()
        assert client.delete("full", ["d0"]) == 1
        client.upsert("full", [Document("after", vector=-first[0])])
        assert [hit.document.id for hit in client.search("full", -first[0], top_k=1)] == ["after"]
        assert client.count("full") == written
