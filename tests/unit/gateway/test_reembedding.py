"""A collection gets the vectors of another model: by whoever drives the job, and to its end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from memory_mesh import LETTERS, LetterEmbedder
from search_samples import DIMENSION, NAME, unit_vectors

from sensorium.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.gateway import reembedding
from sensorium.gateway.limits import Limits
from sensorium.gateway.reembedding import Reembedding
from sensorium.gateway.searcher import EmbeddingSearcher
from sensorium.model.collection import CollectionSpec
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.document import AttributeValue, Document, DocumentView
from sensorium.model.embedding import Embedding, EmbedRequest, EmbedResponse
from sensorium.model.job import CollectionJob, Driven, JobRequest, JobState, ReembedWork
from sensorium.model.names import AliasName, CollectionName
from sensorium.model.search import QueryPart, SearchRequest, UpsertRequest
from sensorium.model.vector import Vector
from sensorium.search import leases
from sensorium.search.embedded import embedded_search
from sensorium.settings import SearchSettings

NEW = CollectionName("default", "new")
LIVE = AliasName("default", "live")
WORK = ReembedWork("letters", "new", "text", "live")
REQUEST = JobRequest(NAME, WORK)
TEXTS = [letter * 3 for letter in "abcdefghij"]
SETTINGS = SearchSettings()


class HeldEmbedder(LetterEmbedder):
    """Embeds so many texts, then waits until it may go on."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.begun, self.may_go_on, self._left = asyncio.Event(), asyncio.Event(), count

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        self._left -= len(request.contents)
        if self._left < 0:
            self.begun.set()
            await self.may_go_on.wait()
        return await super().embed(request)


class Mesh:
    """A search service on disk with a gateway that drives."""

    def __init__(self, data_dir: Path, embedder: LetterEmbedder, *, drives: bool = True) -> None:
        self.embedder = embedder
        self._data_dir = data_dir
        self._drives = drives
        self._resources = AsyncExitStack()
        self.gateway: EmbeddingSearcher

    async def __aenter__(self) -> "Mesh":
        service = await self._resources.enter_async_context(embedded_search(self._data_dir, SETTINGS))
        self.gateway = EmbeddingSearcher(self.embedder, service, Limits.of(SETTINGS))
        if self._drives:
            driver = Reembedding(self.embedder, self.gateway, poll_seconds=0.01)
            await self._resources.enter_async_context(driver)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._resources.aclose()

    async def write(self, texts: Sequence[str | None], start: int = 0) -> None:
        vectors = unit_vectors(len(texts))
        documents = [
            Document(f"d{row}", Embedding(dense=Vector.from_numpy(each)), ("t",), attributes(text))
            for row, (each, text) in enumerate(zip(vectors, texts, strict=True), start)
        ]
        response = await self.gateway.upsert_documents(UpsertRequest(NAME, tuple(documents)))
        assert not any(response.outcomes)

    async def nearest(self, text: str) -> str:
        found = await self.gateway.search(SearchRequest(LIVE.as_collection, (QueryPart(Content.of_text(text)),)))
        return found.hits[0].document.id

    async def ended(self, job: CollectionJob) -> CollectionJob:
        async for each in self.gateway.watch_job(job.name):
            job = each
        return job


def attributes(text: str | None) -> dict[str, AttributeValue]:
    return {} if text is None else {"text": text}


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembedding, "BATCH_ITEMS", 4)


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    async with Mesh(tmp_path, LetterEmbedder()) as opened:
        await opened.gateway.create_collection(NAME, CollectionSpec(dimension=DIMENSION, description="news"))
        yield opened


async def test_documents_get_vectors_of_the_new_model_and_the_alias_is_switched(mesh: Mesh) -> None:
    await mesh.write(TEXTS)
    await mesh.gateway.set_alias(LIVE, NAME)
    job = await mesh.ended(await mesh.gateway.create_job(REQUEST))
    assert (job.state, job.done_count, job.failed_count, job.total_count) == (JobState.SUCCEEDED, 10, 0, 10)
    assert await mesh.nearest("eee") == "d4"
    made = await mesh.gateway.get_collection(NEW)
    assert (made.model, made.dimension, made.document_count, made.description) == ("letters", 26, 10, "news")
    (document,) = await mesh.gateway.get_documents(NEW, ["d4"], DocumentView())
    assert isinstance(document, Document)
    assert (document.tags, document.attributes) == (("t",), {"text": "eee"})


async def test_documents_without_a_text_fail_alone_and_leave_the_alias(mesh: Mesh) -> None:
    await mesh.write(["aaa", None, "bbb", " "])
    await mesh.gateway.set_alias(LIVE, NAME)
    job = await mesh.ended(await mesh.gateway.create_job(REQUEST))
    assert (job.state, job.done_count, job.failed_count, job.total_count) == (JobState.FAILED, 2, 2, 4)
    assert isinstance(job.error, FailedPrecondition)
    assert (await mesh.gateway.get_alias(LIVE)).collection == NAME
    assert await mesh.gateway.count_documents(NEW) == 2


async def test_an_empty_collection_and_no_alias_will_do(mesh: Mesh) -> None:
    job = await mesh.gateway.create_job(JobRequest(NAME, replace(WORK, alias_id="")))
    assert (await mesh.ended(job)).state is JobState.SUCCEEDED
    with pytest.raises(NotFound):
        await mesh.gateway.get_alias(LIVE)


async def test_a_model_that_is_not_served_is_refused_at_once(mesh: Mesh) -> None:
    with pytest.raises(NotFound) as refused:
        await mesh.gateway.create_job(JobRequest(NAME, replace(WORK, model="numbers")))
    assert refused.value.reason is Reason.MODEL_NOT_FOUND
    assert not (await mesh.gateway.list_jobs("default", "", 10, "")).items


@pytest.mark.parametrize("fault", [ResourceExhausted("full", retry_after=0.01), Unavailable("away", retry_after=0.01)])
async def test_a_busy_model_is_asked_again(mesh: Mesh, fault: SensoriumError) -> None:
    await mesh.write(TEXTS)
    job = await mesh.gateway.create_job(REQUEST)
    mesh.embedder.errors.append(fault)
    assert (await mesh.ended(job)).state is JobState.SUCCEEDED
    assert await mesh.nearest("eee") == "d4"


async def test_it_goes_on_after_a_restart_where_it_was(tmp_path: Path) -> None:
    held = HeldEmbedder(4)
    async with Mesh(tmp_path, held) as first:
        await first.gateway.create_collection(NAME, CollectionSpec(dimension=DIMENSION))
        await first.write(TEXTS)
        job = await first.gateway.create_job(REQUEST)
        await held.begun.wait()
    async with Mesh(tmp_path, LetterEmbedder()) as again:
        ended = await again.ended(job)
        assert (ended.state, ended.done_count) == (JobState.SUCCEEDED, 10)
        assert await again.nearest("eee") == "d4"
        assert sum(len(each.contents) for each in again.embedder.requests) < 10 + 1


async def test_what_is_written_meanwhile_is_embedded_too(tmp_path: Path) -> None:
    held = HeldEmbedder(8)
    async with Mesh(tmp_path, held) as mesh:
        await mesh.gateway.create_collection(NAME, CollectionSpec(dimension=DIMENSION))
        await mesh.write(TEXTS)
        job = await mesh.gateway.create_job(REQUEST)
        await held.begun.wait()
        await mesh.write(["xxx"], start=1)
        held.may_go_on.set()
        assert (await mesh.ended(job)).state is JobState.SUCCEEDED
        assert await mesh.nearest("xxx") == "d1"


async def test_it_can_be_cancelled(tmp_path: Path) -> None:
    held = HeldEmbedder(4)
    async with Mesh(tmp_path, held) as mesh:
        await mesh.gateway.create_collection(NAME, CollectionSpec(dimension=DIMENSION))
        await mesh.write(TEXTS)
        job = await mesh.gateway.create_job(REQUEST)
        await held.begun.wait()
        assert (await mesh.gateway.cancel_job(job.name)).state is JobState.CANCELLED
        held.may_go_on.set()
        again = await mesh.gateway.create_job(JobRequest(NAME, replace(WORK, collection_id="newer")))
        assert (await mesh.ended(again)).state is JobState.SUCCEEDED
        assert (await mesh.gateway.get_job(job.name)).state is JobState.CANCELLED
        assert await mesh.gateway.count_documents(NEW) <= 8


async def test_one_gateway_drives_a_job_until_it_falls_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Mesh(tmp_path, LetterEmbedder(), drives=False) as mesh:
        await mesh.gateway.create_collection(NAME, CollectionSpec(dimension=DIMENSION))
        job = await mesh.gateway.create_job(REQUEST)
        driven = await mesh.gateway.drive_job("one")
        assert driven == Driven(job)
        assert await mesh.gateway.drive_job("other") is None
        told = Driven(replace(job, done_count=3, total_count=9), "2:x")
        noted = await mesh.gateway.drive_job("one", told)
        assert noted
        assert (noted.job.state, noted.job.done_count, noted.position) == (JobState.RUNNING, 3, "2:x")
        with pytest.raises(FailedPrecondition) as refused:
            await mesh.gateway.drive_job("other", told)
        assert refused.value.reason is Reason.STATE_UNFIT
        monkeypatch.setattr(leases, "LEASE_SECONDS", 0)
        await mesh.gateway.drive_job("one", told)
        assert await mesh.gateway.drive_job("other") == noted


async def test_a_report_does_not_undo_a_cancellation_under_way(tmp_path: Path) -> None:
    async with Mesh(tmp_path, LetterEmbedder(), drives=False) as mesh:
        await mesh.gateway.create_collection(NAME, CollectionSpec(dimension=DIMENSION))
        job = await mesh.gateway.create_job(REQUEST)
        await mesh.gateway.drive_job("one")
        told = mesh.gateway.drive_job("one", Driven(replace(job, done_count=3), "2:x"))
        await asyncio.gather(mesh.gateway.cancel_job(job.name), told)
        assert await mesh.gateway.drive_job("two") is None
    async with Mesh(tmp_path, LetterEmbedder(), drives=False) as again:
        assert (await again.gateway.get_job(job.name)).state is JobState.CANCELLED
        assert await again.gateway.drive_job("one") is None


async def test_wrong_reports_are_refused(tmp_path: Path) -> None:
    async with Mesh(tmp_path, LetterEmbedder(), drives=False) as mesh:
        await mesh.gateway.create_collection(NAME, CollectionSpec(dimension=DIMENSION))
        job = await mesh.gateway.create_job(REQUEST)
        for driver, driven, field in (
            ("", None, "driver"),
            ("d" * 129, None, "driver"),
            ("one", Driven(job, "p" * 4097), "position"),
        ):
            with pytest.raises(InvalidArgument) as refused:
                await mesh.gateway.drive_job(driver, driven)
            assert refused.value.field == field


def test_a_uri_is_media_for_a_model_that_takes_them() -> None:
    document = Document("a", Embedding(), (), {"source": "https://example.com/a.png"})
    text = Content.of_text("https://example.com/a.png")
    assert reembedding._content(document, "source", LETTERS) == text
    pictures = replace(LETTERS, modalities=(Modality.TEXT, Modality.IMAGE))
    part = Part(Modality.IMAGE, Media(uri="https://example.com/a.png"))
    assert reembedding._content(document, "source", pictures) == Content((part,))
    assert reembedding._content(document, "other", pictures) is None
