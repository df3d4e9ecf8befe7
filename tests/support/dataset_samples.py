"""Datasets, connections and buckets for tests."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from memory_mesh import MemoryMesh
from moto.server import ThreadedMotoServer

from sensorium.dataset.embedded import Neighbours
from sensorium.dataset.jobs.runner import Advance
from sensorium.model.connection import ConnectionKind, ConnectionSpec
from sensorium.model.dataset import DatasetSpec
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName

NAME = DatasetName("default", "road")
V1 = VersionName(NAME, 1)
LOCAL = ConnectionName("default", "disk")
SECRET = "hunter2-is-no-password"


def local_connection(root: Path) -> ConnectionSpec:
    return ConnectionSpec(ConnectionKind.LOCAL, configs={"root": str(root)})


def in_folder(folder: Path) -> DatasetSpec:
    return DatasetSpec(uri=f"file://{folder}")


@contextmanager
def bucket(name: str) -> Iterator[str]:
    """Serve an empty bucket that speaks the S3 protocol; the body is given the endpoint."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        s3_client(endpoint).create_bucket(Bucket=name)
        yield endpoint
    finally:
        server.stop()


def s3_client(endpoint: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def s3_connection(endpoint: str, name: str) -> ConnectionSpec:
    return ConnectionSpec(
        ConnectionKind.S3,
        configs={"bucket": name, "endpoint": endpoint},
        secrets={"access_key_id": "a", "secret_access_key": SECRET},
    )


def oss_connection(endpoint: str, name: str) -> ConnectionSpec:
    """OSS names buckets in the host; a server on loopback needs them in the path."""
    return ConnectionSpec(
        ConnectionKind.OSS,
        configs={"bucket": name, "endpoint": endpoint, "addressing": "path"},
        secrets={"access_key_id": "a", "access_key_secret": SECRET},
    )


def neighbours(memory: MemoryMesh) -> Neighbours:
    return Neighbours(memory.embedder, memory.searcher, memory.tagger)


class TaskRunner:
    """Steps jobs in tasks of this process, and forgets them with it."""

    def __init__(self, _data_dir: Path, advance: Advance) -> None:
        self._advance = advance
        self._tasks: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def start(self, job: str, run: int) -> None:
        if (job, run) not in self._tasks:
            self._tasks[job, run] = asyncio.create_task(self._run(job, run))

    async def _run(self, job: str, run: int) -> None:
        while await self._advance(job, run):
            pass
