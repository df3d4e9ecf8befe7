"""Documents are written in batches, each has its own outcome, and what was written can be read, counted and deleted."""

import numpy as np
import pytest
from memory_mesh import MemoryMesh, count_letters

from sensorium import AsyncClient, Content, Document, UpsertReport
from sensorium.errors import InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.model.embedding import Priority


@pytest.fixture
async def garage(client: AsyncClient) -> str:
    await client.create_collection("garage", model="letters")
    return "garage"


async def test_texts_contents_and_vectors_are_written(client: AsyncClient, garage: str) -> None:
    documents = [
        Document("a", text="abc", tags=("t",), attributes={"wheels": 2}),
        Document("b", content=Content.of_text("bcd")),
        Document("c", vector=count_letters("cde")),
    ]
    report = await client.upsert(garage, documents)
    assert (report.document_count, report.written_count, report.errors) == (3, 3, ())
    read = await client.get(garage, "a", with_vector=True)
    assert (read.id, read.tags, read.attributes) == ("a", ("t",), {"wheels": 2})
    assert read.vector is not None
    assert np.array_equal(read.vector, count_letters("abc"))
    assert read.create_time is not None


async def test_a_long_iterable_is_sent_in_batches_with_progress(client: AsyncClient, garage: str) -> None:
    seen: list[UpsertReport] = []
    documents = (Document(f"d{number}", text="abc") for number in range(7))
    report = await client.upsert(garage, documents, batch_size=3, on_batch=seen.append)
    assert [each.document_count for each in seen] == [3, 3, 1]
    assert report.written_count == await client.count(garage) == 7
    assert report.usage.token_count == 7


async def test_bulk_work_waits_in_the_bulk_lane(client: AsyncClient, garage: str, mesh: MemoryMesh) -> None:
    await client.upsert(garage, [Document("a", text="abc")])
    assert mesh.embedder.requests[0].priority is Priority.BULK


async def test_nothing_to_write_is_no_error(client: AsyncClient, garage: str) -> None:
    assert (await client.upsert(garage, [])).document_count == 0


async def test_every_document_has_its_own_outcome(client: AsyncClient, garage: str) -> None:
    documents = [
        Document("good", text="abc"),
        Document("blank", text=" "),
        Document("nothing"),
        Document("both", text="abc", vector=count_letters("abc")),
        Document("matrix", vector=np.zeros((2, 2), np.float32)),
        Document("short", vector=np.ones(3, np.float32)),
        Document("fine", text="def"),
    ]
    report = await client.upsert(garage, documents, batch_size=4)
    assert report.written_count == await client.count(garage) == 2
    assert [(failed.index, failed.id, failed.error.reason) for failed in report.errors] == [
        (1, "blank", Reason.CONTENT_EMPTY),
        (2, "nothing", Reason.FIELD_INVALID),
        (3, "both", Reason.FIELD_INVALID),
        (4, "matrix", Reason.VECTOR_INVALID),
        (5, "short", Reason.DIMENSION_MISMATCH),
    ]
    with pytest.raises(InvalidArgument, match="is blank"):
        report.raise_for_errors()


async def test_a_batch_of_bad_documents_alone_sends_nothing(client: AsyncClient, garage: str, mesh: MemoryMesh) -> None:
    report = await client.upsert(garage, [Document("nothing")])
    assert report.written_count == 0
    assert mesh.store.upserts == []


async def test_a_missing_document_is_an_error_or_is_raised(client: AsyncClient, garage: str) -> None:
    await client.upsert(garage, [Document("a", text="abc")])
    found, missing = await client.get_many(garage, ["a", "b"])
    assert isinstance(found, Document)
    assert found.vector is None
    assert isinstance(missing, SensoriumError)
    with pytest.raises(NotFound):
        await client.get(garage, "b")


async def test_documents_are_listed_page_by_page(client: AsyncClient, garage: str) -> None:
    await client.upsert(garage, [Document(f"d{number}", text="abc") for number in range(5)])
    assert [document.id async for document in client.documents(garage)] == ["d0", "d1", "d2", "d3", "d4"]


async def test_deleting_tells_how_many_were_there(client: AsyncClient, garage: str) -> None:
    await client.upsert(garage, [Document("a", text="abc")])
    assert await client.delete(garage, ["a", "b"]) == 1
    assert await client.count(garage) == 0


def test_the_size_of_a_document_counts_what_it_carries() -> None:
    assert Document("ab", text="é").size_bytes() == 4
    assert Document("ab", vector=np.zeros(3, np.float32)).size_bytes() == 14
    assert Document("ab", tags=("xyz",), attributes={"n": 12}).size_bytes() == 8
