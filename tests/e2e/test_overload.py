"""Ten times what the model can take: clear refusals, steady memory, bulk that yields, and recovery by itself."""

import asyncio
import statistics
from collections.abc import Iterator

import pytest
from mesh_process import MeshProcess
from open_load import (
    OK,
    TOKENS,
    Call,
    batch_search_calls,
    codes,
    embed_calls,
    embed_streams,
    put,
    search_calls,
    without_delay,
)
from stand_in_process import stand_in_triton

from sensorium import Client, Document

TOKENS_PER_SECOND = 300
CAPACITY = TOKENS_PER_SECOND / TOKENS  # texts a second
QUEUE_SECONDS = 2
SECONDS = 2.0
COLLECTION = "overload"
REFUSALS = {"RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}
SETTINGS = {
    "SENSORIUM_EMBED__BATCH_TOKENS": "30",
    "SENSORIUM_EMBED__QUEUE_TOKENS": str(QUEUE_SECONDS * TOKENS_PER_SECOND),
    "SENSORIUM_GRPC__MAX_BULK_CALLS": "20",
}
LOADS = {
    "single": embed_calls(1, timeout=1.0),
    "batch": embed_calls(8, timeout=2.0),
    "stream": embed_streams(8, timeout=4.0),
    "search": search_calls(COLLECTION, timeout=1.0),
    "batch search": batch_search_calls(COLLECTION, 8, timeout=2.0),
    "patient": embed_calls(1, timeout=8.0),
}
GROWTH_BYTES = 100 << 20


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshProcess]:
    """All roles in one process, over a model of fixed rate."""
    with stand_in_triton(TOKENS_PER_SECOND) as triton:
        settings = {**SETTINGS, "SENSORIUM_TRITON__TARGET": triton.address}
        running = MeshProcess.start(tmp_path_factory.mktemp("mesh"), **settings).wait_serving()
        with Client(running.grpc_address) as client:
            client.create_collection(COLLECTION, model="all-minilm-l6-v2")
            client.upsert(COLLECTION, [Document("1", text="a red bicycle")])
        yield running
        assert running.stop() == 0


def answers_again(mesh: MeshProcess) -> None:
    with Client(mesh.grpc_address, timeout=30) as client:
        assert [hit.document.id for hit in client.search(COLLECTION, "a red bicycle")] == ["1"]


@pytest.mark.parametrize("call", LOADS.values(), ids=LOADS)
async def test_ten_times_the_capacity_is_answered_or_clearly_refused(mesh: MeshProcess, call: Call) -> None:
    before = mesh.memory_bytes()
    ended = await put(mesh.grpc_address, call, 10 * CAPACITY / call.items, SECONDS)
    found = codes(ended)
    assert found[OK], found
    assert found.keys() - {OK} <= REFUSALS
    assert found.keys() & REFUSALS
    assert without_delay(ended) == []
    assert mesh.memory_bytes() < before + GROWTH_BYTES
    answers_again(mesh)


async def test_bulk_yields_to_those_who_wait(mesh: MeshProcess) -> None:
    alone, bulk = embed_calls(1, timeout=30), embed_calls(8, timeout=30, bulk=True)
    waiting, yielding, streams = await asyncio.gather(
        put(mesh.grpc_address, alone, CAPACITY / 4, SECONDS),
        put(mesh.grpc_address, bulk, 5 * CAPACITY / bulk.items, SECONDS),
        put(mesh.grpc_address, embed_streams(8, timeout=30), 5 * CAPACITY / 8, SECONDS),
    )
    assert codes(waiting).keys() == {OK}
    refused = codes([*yielding, *streams])
    assert refused["RESOURCE_EXHAUSTED"], refused
    assert refused.keys() <= {OK, *REFUSALS}
    assert without_delay([*yielding, *streams]) == []
    later = [each.seconds for each in (*yielding, *streams) if each.code == OK]
    assert statistics.median(each.seconds for each in waiting) < statistics.median(later)
    answers_again(mesh)
