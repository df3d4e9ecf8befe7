"""The demo indexes the sample set once, finds in it, and says what to try next."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from memory_mesh import LETTERS, MemoryMesh

from sensorium import AsyncClient
from sensorium.cli.output import Output
from sensorium.cli.samples import SampleSet
from sensorium.cli.showing import COLLECTION, Show
from sensorium.errors import FailedPrecondition, NotFound, Unavailable
from sensorium.rpc.readiness import Readiness

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


@pytest.fixture
async def client(mesh: MemoryMesh) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(connect=mesh.connect) as opened:
        yield opened


@pytest.fixture
def show(client: AsyncClient) -> Show:
    return Show(Output(json=True), client, SampleSet(SAMPLES))


async def test_a_first_start_indexes_and_a_second_finds_it_there(
    show: Show, client: AsyncClient, mesh: MemoryMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    await show.index(LETTERS)
    assert await client.count(COLLECTION) == 240
    assert "240 passages are indexed" in capsys.readouterr().err
    writes = len(mesh.store.upserts)
    await show.index(LETTERS)
    assert len(mesh.store.upserts) == writes
    assert "240 passages are already there" in capsys.readouterr().err


async def test_an_interrupted_start_is_completed_by_the_next(show: Show, client: AsyncClient) -> None:
    await show.index(LETTERS)
    await client.delete(COLLECTION, ["p000", "p100"])
    await show.index(LETTERS)
    assert await client.count(COLLECTION) == 240


async def test_vectors_of_an_older_model_are_made_again(show: Show, client: AsyncClient, mesh: MemoryMesh) -> None:
    await show.index(LETTERS)
    (name,) = mesh.store.collections
    older = mesh.store.collections[name]
    mesh.store.collections[name] = type(older)(
        **{field: getattr(older, field) for field in older.__slots__} | {"model_revision": "r0"}
    )
    await show.index(LETTERS)
    assert (await client.get_collection(COLLECTION)).model_revision == "r1"
    assert await client.count(COLLECTION) == 240


async def test_somebody_elses_collection_is_left_alone(show: Show, client: AsyncClient) -> None:
    await client.create_collection(COLLECTION, dimension=3, description="mine")
    with pytest.raises(FailedPrecondition, match="not the demo's"):
        await show.index(LETTERS)
    assert (await client.get_collection(COLLECTION)).description == "mine"


async def test_every_question_is_answered_with_hits(show: Show, capsys: pytest.CaptureFixture[str]) -> None:
    await show.index(LETTERS)
    capsys.readouterr()
    await show.search()
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 8
    assert all(len(answer["hits"]) == 2 for answer in answers)


async def test_people_see_a_table(client: AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    show = Show(Output(json=False), client, SampleSet(SAMPLES))
    await show.index(LETTERS)
    await show.search()
    show.tell("127.0.0.1:50051", "127.0.0.1:8080")
    shown = capsys.readouterr().out
    assert "Rhine" in shown
    assert "sensorium search samples" in shown
    assert "--address" not in shown
    assert "http://127.0.0.1:50051/sensorium.v1.EmbedService/Embed" in shown


async def test_it_waits_until_the_mesh_is_ready_and_tells_for_what(
    show: Show, capsys: pytest.CaptureFixture[str]
) -> None:
    readiness = Readiness("embed")
    waiting = asyncio.create_task(show.ready(readiness))
    await asyncio.sleep(0)
    readiness.set("embed", False, "Triton is starting")
    await asyncio.sleep(0)
    assert not waiting.done()
    readiness.set("embed", True)
    assert (await waiting).name == "letters"
    assert "waiting: Triton is starting" in capsys.readouterr().err


async def test_a_mesh_that_does_not_become_ready_is_an_error(show: Show) -> None:
    readiness = Readiness("embed")
    readiness.set("embed", False, "no libpython")
    with pytest.raises(Unavailable, match="not ready after 0 s: no libpython"):
        await show.ready(readiness, seconds=0)


def test_the_sample_set_is_whole() -> None:
    samples = SampleSet(SAMPLES)
    documents = {document.id: document for document in samples.documents()}
    assert len(documents) == 240
    assert all(document.text and document.attributes["text"] for document in documents.values())
    assert {question.passage_id for question in samples.questions()} <= documents.keys()


def test_a_missing_sample_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="SENSORIUM_SAMPLES"):
        SampleSet(tmp_path)
