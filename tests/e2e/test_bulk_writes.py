"""What a stream of writes answered is there after kill -9, and a client goes on when the role is back."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from mesh_process import MeshProcess
from search_samples import DIMENSION, NAME, document, unit_vectors

from sensorium import AsyncClient, Document
from sensorium.errors import SensoriumError
from sensorium.model.collection import CollectionSpec
from sensorium.model.search import UpsertRequest
from sensorium.rpc.channel import open_channel
from sensorium.search.client import SearchClient

BATCH = 20


@pytest.fixture
def started() -> Iterator[list[MeshProcess]]:
    running: list[MeshProcess] = []
    yield running
    for process in running:
        process.stop(signal.SIGKILL)


def start_search(folder: Path, started: list[MeshProcess], address: str = "127.0.0.1:0") -> MeshProcess:
    """Start a search role, which needs no model."""
    port = address.rpartition(":")[2]
    started.append(MeshProcess.start(folder, "--role", "search", SENSORIUM_GRPC__PORT=port))
    return started[-1].wait_serving()


async def endless() -> AsyncIterator[UpsertRequest]:
    number = 0
    while True:
        ids = [f"d{each}" for each in range(number, number + BATCH)]
        vectors = unit_vectors(BATCH, seed=number)
        yield UpsertRequest(NAME, tuple(document(name, row) for name, row in zip(ids, vectors, strict=True)))
        number += BATCH


async def acknowledged_before_a_kill(process: MeshProcess, batches: int) -> int:
    """Return how many batches a stream was answered, its server being killed after some."""
    answered = 0
    async with open_channel(process.grpc_address) as channel:
        searcher = SearchClient(channel)
        await searcher.create_collection(NAME, CollectionSpec(dimension=DIMENSION))
        try:
            async for response in searcher.upsert_stream(endless()):
                assert response.written_count == BATCH
                answered += 1
                if answered == batches:
                    process.process.send_signal(signal.SIGKILL)
        except SensoriumError:
            return answered
    raise AssertionError("the stream went on after the kill")


async def test_what_a_stream_acknowledged_survives_kill_9(tmp_path: Path, started: list[MeshProcess]) -> None:
    answered = await acknowledged_before_a_kill(start_search(tmp_path, started), 30)
    assert answered >= 30
    async with AsyncClient(start_search(tmp_path, started).grpc_address) as client:
        count = await client.count(NAME.id)
        found = {each.id async for each in client.documents(NAME.id)}
        assert {f"d{number}" for number in range(answered * BATCH)} <= found
        # A batch is written as a whole, answered or not.
        assert (len(found), count % BATCH) == (count, 0)
        hits = await client.search(NAME.id, unit_vectors(1, seed=0)[0], top_k=10_000)
        assert {hit.document.id for hit in hits} == found


async def test_a_bulk_write_goes_on_after_kill_9(tmp_path: Path, started: list[MeshProcess]) -> None:
    first = start_search(tmp_path, started)
    vectors = unit_vectors(400)
    reports: list[int] = []

    async with AsyncClient(first.grpc_address, retries=30) as client:
        await client.create_collection("garage", dimension=DIMENSION)

        def documents() -> Iterator[Document]:
            for number, row in enumerate(vectors):
                if number == 200:
                    first.stop(signal.SIGKILL)
                yield Document(f"d{number}", vector=row)

        writing = asyncio.create_task(
            client.upsert_bulk(
                "garage", documents(), batch_size=BATCH, on_batch=lambda each: reports.append(each.written_count)
            )
        )
        while first.process.poll() is None:  # noqa: ASYNC110 - the writer kills it
            await asyncio.sleep(0.01)
        await asyncio.to_thread(start_search, tmp_path, started, first.grpc_address)
        report = await writing
        assert (report.written_count, reports) == (400, [BATCH] * 20)
        assert await client.count("garage") == 400
