"""A bulk write keeps several batches under way, and goes on where a broken stream was answered last."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from memory_mesh import LETTERS, MemoryMesh, MemorySearcher

from sensorium import AsyncClient, Document, UpsertReport
from sensorium.client import bulk
from sensorium.client.batches import batches
from sensorium.client.bulk import UNDER_WAY, BulkWriter
from sensorium.errors import (
    Cancelled,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.model.embedding import Priority
from sensorium.model.names import CollectionName
from sensorium.model.search import UpsertRequest, UpsertResponse

NAME = CollectionName("default", "garage")


@dataclass
class Stream(MemorySearcher):
    """Answers each request, until the next of `breaks` is due.

    Attributes:
        breaks: How many answers each stream gives before it raises this.
        seen: The ids of all requests, in order, by stream.
        silent: Whether it never answers.
    """

    breaks: list[tuple[int, SensoriumError]] = field(default_factory=list)
    seen: list[list[str]] = field(default_factory=list)
    silent: bool = False

    async def upsert_stream(self, requests: AsyncIterator[UpsertRequest]) -> AsyncIterator[UpsertResponse]:
        self.seen.append([])
        answers, fault = self.breaks.pop(0) if self.breaks else (10_000, None)
        async for request in requests:
            self.seen[-1] += [each.id for each in request.documents]
            if self.silent:
                await asyncio.Event().wait()
            if not answers and fault:
                raise fault
            answers -= 1
            yield UpsertResponse((None,) * len(request.documents))


def documents(count: int) -> Iterator[Document]:
    return (Document(f"d{number}", text="abc") for number in range(count))


def writer(
    stream: MemorySearcher, given: Iterator[Document], reports: list[UpsertReport], timeout: float = 30, size: int = 1
) -> tuple[BulkWriter, list[float]]:
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    cut = batches(given, size, Document.size_bytes)
    made = BulkWriter(
        stream, NAME, cut, reports.append, priority=Priority.BULK, timeout=timeout, retries=2, sleep=sleep
    )
    return made, delays


async def test_everything_is_written_in_order_with_a_report_for_each_batch() -> None:
    stream, reports = Stream(), list[UpsertReport]()
    written, _ = writer(stream, documents(7), reports, size=3)
    await written.write()
    assert [report.written_count for report in reports] == [3, 3, 1]
    assert stream.seen == [[f"d{number}" for number in range(7)]]


@pytest.mark.parametrize("fault", [Unavailable("away"), Cancelled("raced"), ResourceExhausted("full", retry_after=1.0)])
async def test_a_broken_stream_goes_on_with_what_was_not_answered(fault: SensoriumError) -> None:
    stream, reports = Stream(breaks=[(2, fault), (0, fault), (1, fault)]), list[UpsertReport]()
    written, delays = writer(stream, documents(6), reports)
    await written.write()
    assert [first[0] for first in stream.seen] == ["d0", "d2", "d2", "d3"]
    assert len(reports) == 6
    assert len(delays) == 3
    if fault.retry_after:
        assert all(1.0 <= delay <= 1.25 for delay in delays)


async def test_a_stream_that_is_never_answered_is_given_up() -> None:
    stream, reports = Stream(breaks=[(1, Unavailable("away"))] + [(0, Unavailable("away"))] * 5), list[UpsertReport]()
    written, delays = writer(stream, documents(6), reports)
    with pytest.raises(Unavailable):
        await written.write()
    assert (len(reports), len(delays), len(stream.seen)) == (1, 2, 3)


@pytest.mark.parametrize(
    "fault", [NotFound("no collection", reason=Reason.COLLECTION_NOT_FOUND), ResourceExhausted("big")]
)
async def test_what_a_repeat_cannot_mend_is_not_repeated(fault: SensoriumError) -> None:
    stream, reports = Stream(breaks=[(1, fault)]), list[UpsertReport]()
    written, delays = writer(stream, documents(3), reports)
    with pytest.raises(type(fault)):
        await written.write()
    assert (len(reports), delays) == (1, [])


async def test_few_batches_are_read_ahead_of_their_answers() -> None:
    read: list[int] = []

    def given() -> Iterator[Document]:
        for number in range(100):
            read.append(number)
            yield Document(f"d{number}", text="abc")

    stream = Stream(silent=True)
    written, _ = writer(stream, given(), [], timeout=0.05)
    with pytest.raises(DeadlineExceeded):
        await written.write()
    assert len(read) <= UNDER_WAY + 1


async def test_a_fault_of_the_documents_is_raised_when_all_before_it_is_written() -> None:
    def given() -> Iterator[Document]:
        yield from documents(3)
        raise ValueError("the file ended in the middle")

    stream, reports = Stream(), list[UpsertReport]()
    written, _ = writer(stream, given(), reports)
    with pytest.raises(ValueError, match="in the middle"):
        await written.write()
    # The batcher needs the next document to know that a batch is full.
    assert len(reports) == 2


async def test_batches_of_which_nothing_can_be_sent_are_reported_in_their_place() -> None:
    given = [Document("a", text="abc"), Document("bad"), Document("b", text="abc"), Document("worse")]
    stream, reports = Stream(), list[UpsertReport]()
    written, _ = writer(stream, iter(given), reports)
    await written.write()
    assert [[(each.index, each.id) for each in report.errors] for report in reports] == [
        [],
        [(1, "bad")],
        [],
        [(3, "worse")],
    ]
    assert stream.seen == [["a", "b"]]


async def test_what_the_reader_of_reports_raises_ends_the_stream() -> None:
    stream = Stream()

    def refuse(_report: UpsertReport) -> None:
        raise Unavailable("the reader went away")

    cut = batches(documents(3), 1, Document.size_bytes)
    written = BulkWriter(stream, NAME, cut, refuse, priority=Priority.BULK, timeout=30, retries=2)
    with pytest.raises(Unavailable, match="the reader went away"):
        await written.write()
    assert len(stream.seen) == 1


async def test_no_documents_are_no_error() -> None:
    reports: list[UpsertReport] = []
    written, _ = writer(Stream(), documents(0), reports)
    await written.write()
    assert reports == []


async def test_the_client_writes_in_bulk(client: AsyncClient, mesh: MemoryMesh) -> None:
    await client.create_collection("garage", model=LETTERS.name)
    given = [Document("a", text="abc"), Document("blank", text=" "), Document("b", text="def"), Document("nothing")]
    seen: list[int] = []
    report = await client.upsert_bulk(
        "garage", given, batch_size=2, on_batch=lambda each: seen.append(each.written_count)
    )
    assert (seen, report.written_count) == ([1, 1], 2)
    assert [(each.index, each.id, each.error.reason) for each in report.errors] == [
        (1, "blank", Reason.CONTENT_EMPTY),
        (3, "nothing", Reason.FIELD_INVALID),
    ]
    assert all(each.priority is Priority.BULK for each in mesh.embedder.requests)
    with pytest.raises(NotFound):
        await client.upsert_bulk("nowhere", given)


async def test_the_client_repeats_a_stream(
    client: AsyncClient, mesh: MemoryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "FIRST_DELAY", 0.0)
    await client.create_collection("garage", model=LETTERS.name)
    mesh.embedder.errors = [Unavailable("away")] * 2
    report = await client.upsert_bulk("garage", documents(5), batch_size=2)
    assert (report.written_count, await client.count("garage")) == (5, 5)


async def test_the_client_changes_labels(client: AsyncClient) -> None:
    await client.create_collection("garage", model=LETTERS.name)
    await client.upsert("garage", [Document("a", text="abc", tags=("t",), attributes={"x": 1, "y": 2})])
    report = await client.change(
        "garage",
        [Document("a", attributes={"x": 3}), Document("none")],
        tags=False,
        attributes=["x", "y"],
        batch_size=1,
    )
    assert [(each.index, type(each.error)) for each in report.errors] == [(1, NotFound)]
    found = await client.get("garage", "a")
    assert (found.tags, found.attributes) == (("t",), {"x": 3})
    assert (await client.change("garage", [])).document_count == 0


async def test_the_client_sets_lists_and_deletes_aliases(client: AsyncClient) -> None:
    await client.create_collection("garage", model=LETTERS.name)
    for name in ("b", "a", "c"):
        assert (await client.set_alias(name, "garage")).collection == NAME
    assert [each.name.id async for each in client.aliases()] == ["a", "b", "c"]
    assert (await client.get_alias("aliases/a")).name.id == "a"
    await client.delete_alias("a")
    with pytest.raises(NotFound):
        await client.get_alias("a")
    with pytest.raises(InvalidArgument):
        await client.set_alias("Not An Id", "garage")


async def test_the_client_changes_a_collection(client: AsyncClient) -> None:
    await client.create_collection("garage", model=LETTERS.name, description="old")
    changed = await client.update_collection("garage", description="")
    assert changed.description == ""
