"""The gateway does the same over services in its process as over services in others, with the real search service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from memory_mesh import LetterEmbedder, MemorySearcher, count_letters
from served_mesh import served

from sensorium import AsyncClient, Document
from sensorium.client.connection import Endpoint, connect
from sensorium.errors import DeadlineExceeded, FailedPrecondition, Reason, SensoriumError
from sensorium.gateway.limits import Limits
from sensorium.gateway.searcher import EmbeddingSearcher
from sensorium.model.embedding import EmbedRole
from sensorium.search.embedded import embedded_search
from sensorium.search.service import SearchService
from sensorium.settings import SearchSettings


@dataclass(frozen=True)
class Roles:
    """A gateway that serves, and what stands behind it."""

    gateway: str
    embedder: LetterEmbedder
    search: SearchService


@asynccontextmanager
async def one_process(embedder: LetterEmbedder, search: SearchService) -> AsyncIterator[str]:
    gateway = EmbeddingSearcher(embedder, search, Limits.of(SearchSettings()))
    async with served(embedder, gateway) as address:
        yield address


@asynccontextmanager
async def three_processes(embedder: LetterEmbedder, search: SearchService) -> AsyncIterator[str]:
    async with (
        served(embedder, MemorySearcher()) as embed_role,
        served(embedder, search) as search_role,
        connect(Endpoint(embed_role)) as embed,
        connect(Endpoint(search_role)) as found,
    ):
        gateway = EmbeddingSearcher(embed.embedder, found.searcher, Limits.of(SearchSettings()))
        async with served(embed.embedder, gateway) as address:
            yield address


@pytest.fixture(params=[one_process, three_processes], ids=["one process", "three processes"])
async def roles(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Roles]:
    embedder = LetterEmbedder()
    async with (
        embedded_search(tmp_path, SearchSettings()) as search,
        request.param(embedder, search) as address,
    ):
        yield Roles(address, embedder, search)


@pytest.fixture
async def client(roles: Roles) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(roles.gateway, timeout=20) as opened:
        await opened.create_collection("garage", model="letters")
        yield opened


async def test_words_find_what_words_wrote(client: AsyncClient, roles: Roles) -> None:
    documents = [Document("a", "aaa"), Document("b", " "), Document("c", vector=count_letters("ccc"))]
    report = await client.upsert("garage", documents)
    assert [(failed.id, failed.error.reason) for failed in report.errors] == [("b", Reason.CONTENT_EMPTY)]
    hits = await client.search("garage", ["a", "a", "c"], top_k=2)
    assert [hit.document.id for hit in hits] == ["a", "c"]
    assert [request.options.role for request in roles.embedder.requests] == [EmbedRole.DOCUMENT, EmbedRole.QUERY]
    assert [len(request.contents) for request in roles.embedder.requests] == [2, 3]
    assert hits.usage.token_count == 3
    assert hits.timings.inference_ms == 1
    assert hits.timings.total_ms >= hits.timings.search_ms > 0


async def test_a_refused_document_keeps_its_place_when_others_are_left_out(client: AsyncClient) -> None:
    documents = [Document("a", " "), Document("b\x00", "bbb"), Document("c", "ccc", tags=("x" * 129,))]
    report = await client.upsert("garage", documents)
    assert report.written_count == 0
    assert "documents[2]" in report.errors[2].error.field


async def test_the_search_role_itself_takes_no_contents(client: AsyncClient, roles: Roles) -> None:
    async with served(roles.embedder, roles.search) as address, AsyncClient(address) as direct:
        for call in (direct.search("garage", "abc"), direct.upsert("garage", [Document("a", "aaa")])):
            with pytest.raises(FailedPrecondition) as raised:
                await call
            assert raised.value.reason is Reason.CONTENT_NOT_EMBEDDED


async def test_the_deadline_of_a_call_reaches_the_embedder(client: AsyncClient, roles: Roles) -> None:
    await client.search("garage", "abc")
    # gRPC rounds the time that is left up on the wire.
    assert all(0 < (left or 0) < 21 for left in roles.embedder.deadlines)
    async with AsyncClient(roles.gateway, timeout=1e-6) as hurried:
        with pytest.raises(DeadlineExceeded):
            await hurried.search("garage", "abc")


async def test_what_fails_behind_the_gateway_is_told_in_front_of_it(client: AsyncClient, roles: Roles) -> None:
    roles.embedder.errors = [FailedPrecondition("broken", metadata={"file": "model.onnx"})]
    with pytest.raises(SensoriumError) as raised:
        await client.search("garage", "abc")
    assert isinstance(raised.value, FailedPrecondition)
    assert (raised.value.message, raised.value.metadata) == ("broken", {"file": "model.onnx"})
