"""The client tells the same over gRPC as beside the ports: results, errors and their details."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import numpy as np
import pytest
from memory_mesh import LetterEmbedder, MemoryMesh, count_letters
from served_mesh import served

from sensorium import AsyncClient, AttributeField, AttributeType, Content, Document, QueryPart
from sensorium.errors import (
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
    Unimplemented,
)
from sensorium.model.embedding import EmbedRequest, EmbedResponse


@asynccontextmanager
async def connected(mesh: MemoryMesh, place: str, seconds: float = 30) -> AsyncIterator[AsyncClient]:
    if place == "local":
        async with AsyncClient(connect=mesh.connect, timeout=seconds) as client:
            yield client
        return
    async with (
        served(mesh.embedder, mesh.searcher) as address,
        AsyncClient(address, api_key="secret", timeout=seconds) as client,
    ):
        yield client


@pytest.fixture
def mesh() -> MemoryMesh:
    return MemoryMesh()


@pytest.fixture(params=["local", "remote"])
async def client(request: pytest.FixtureRequest, mesh: MemoryMesh) -> AsyncIterator[AsyncClient]:
    async with connected(mesh, request.param) as opened:
        yield opened


@pytest.fixture
async def remote(mesh: MemoryMesh) -> AsyncIterator[AsyncClient]:
    async with connected(mesh, "remote") as opened:
        yield opened


async def raised(call: object) -> SensoriumError:
    with pytest.raises(SensoriumError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_vectors_and_errors_come_back_in_order(client: AsyncClient) -> None:
    embeddings = await client.embed(["abc", " ", "xyz"])
    assert np.array_equal(embeddings.vectors[[0, 2]], [count_letters("abc"), count_letters("xyz")])
    assert embeddings.errors[1].reason is Reason.CONTENT_EMPTY
    assert embeddings.errors[1].field == "contents[1].parts[0].text"
    assert (embeddings.model, embeddings.model_revision, embeddings.usage.token_count) == ("letters", "r1", 3)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "binary"])
async def test_every_dtype_travels(client: AsyncClient, dtype: str) -> None:
    (embedding,) = await client.embed(["abc"], dtype=dtype)
    assert embedding.dense is not None
    assert embedding.dense.dtype == dtype


async def test_models_are_told(client: AsyncClient) -> None:
    (model,) = await client.models()
    assert model == await client.model() == await client.model("letters")
    assert (model.dimension, model.state) == (26, "ready")


async def test_documents_are_written_found_read_and_deleted(client: AsyncClient) -> None:
    fields = (AttributeField("wheels", AttributeType.INT),)
    await client.create_collection("garage", model="letters", attributes=fields)
    documents = [
        Document("a", "aaa", tags=("t",), attributes={"wheels": 2, "names": ("x", "y")}),
        Document("b", content=Content.of_text("bbb")),
        Document("c", " "),
        Document("z", vector=count_letters("zzz")),
    ]
    report = await client.upsert("garage", documents)
    assert [(failed.index, failed.error.reason) for failed in report.errors] == [(2, Reason.CONTENT_EMPTY)]
    assert report.errors[0].error.field == "documents[2].content.parts[0].text"
    assert await client.count("garage") == 3

    away = QueryPart(Content.of_text("b"), weight=-0.5)
    hits = await client.search("garage", ["a", away], top_k=2)
    assert [(hit.document.id, hit.rank) for hit in hits] == [("a", 1), ("z", 2)]
    assert hits[0].document.tags == ("t",)
    assert hits[0].document.attributes == {"wheels": 2, "names": ("x", "y")}
    read = await client.get("garage", "z", with_vector=True)
    assert read.vector is not None
    assert np.array_equal(read.vector, count_letters("zzz"))
    assert [document.id async for document in client.documents("garage")] == ["a", "b", "z"]
    assert await client.delete("garage", ["a", "none"]) == 1
    assert [each.document_count async for each in client.collections()] == [2]


async def test_errors_are_the_same_on_both_sides(client: AsyncClient) -> None:
    await client.create_collection("garage", model="letters")
    await client.upsert("garage", [Document("a", "aaa")])
    expected: list[tuple[object, type[SensoriumError], Reason]] = [
        (client.embed(["abc"], model="none"), NotFound, Reason.MODEL_NOT_FOUND),
        (client.create_collection("x", model="none"), NotFound, Reason.MODEL_NOT_FOUND),
        (client.create_collection("x", model="letters", dimension=3), InvalidArgument, Reason.DIMENSION_MISMATCH),
        (client.create_collection("garage", model="letters"), AlreadyExists, Reason.RESOURCE_EXISTS),
        (client.get_collection("none"), NotFound, Reason.COLLECTION_NOT_FOUND),
        (client.search("none", "abc"), NotFound, Reason.COLLECTION_NOT_FOUND),
        (client.search("garage", " "), InvalidArgument, Reason.CONTENT_EMPTY),
        (client.get("garage", "none"), NotFound, Reason.DOCUMENT_NOT_FOUND),
        (client.delete_collection("garage"), FailedPrecondition, Reason.COLLECTION_NOT_EMPTY),
    ]
    for call, kind, reason in expected:
        error = await raised(call)
        assert (type(error), error.reason) == (kind, reason)


@pytest.mark.parametrize("place", ["local", "remote"])
async def test_contents_need_a_collection_with_a_model(mesh: MemoryMesh, place: str) -> None:
    async with connected(mesh, place) as client:
        await client.create_collection("own", dimension=26)
        error = await raised(client.search("own", "abc"))
    assert (type(error), error.reason) == (FailedPrecondition, Reason.CONTENT_NOT_EMBEDDED)


async def test_vectors_of_another_revision_are_refused(client: AsyncClient, mesh: MemoryMesh) -> None:
    await client.create_collection("garage", model="letters")
    (name,) = mesh.store.collections
    old = mesh.store.collections[name]
    fields = {field: getattr(old, field) for field in old.__slots__}
    mesh.store.collections[name] = type(old)(**fields | {"model_revision": "r0"})
    for call in (client.search("garage", "abc"), client.upsert("garage", [Document("a", "aaa")])):
        error = await raised(call)
        assert (type(error), error.reason) == (FailedPrecondition, Reason.MODEL_MISMATCH)


async def test_a_full_server_is_asked_again_after_the_delay_that_it_named(
    client: AsyncClient, mesh: MemoryMesh
) -> None:
    mesh.embedder.errors = [ResourceExhausted("full", retry_after=0.01)] * 2
    assert (await client.embed(["abc"])).vectors.shape == (1, 26)


async def test_an_error_of_a_server_carries_the_id_of_the_call(remote: AsyncClient) -> None:
    error = await raised(remote.get_collection("none"))
    assert any(note.startswith("request id: ") for note in error.__notes__)


async def test_unavailable_is_repeated_where_that_is_harmless(remote: AsyncClient, mesh: MemoryMesh) -> None:
    mesh.embedder.errors = [Unavailable("loading"), Unavailable("loading")]
    assert (await remote.embed(["abc"])).vectors.shape == (1, 26)
    mesh.embedder.errors = [Unavailable("loading")]
    assert (await remote.create_collection("x", model="letters")).id == "x"
    mesh.store.errors = [Unavailable("loading")]
    assert isinstance(await raised(remote.delete_collection("x")), Unavailable)


async def test_what_is_no_unicode_is_refused_before_it_is_sent(remote: AsyncClient) -> None:
    await remote.create_collection("garage", model="letters")
    for call in (
        remote.embed(["abc"], model="\udcff"),
        remote.embed(["\udcff"]),
        remote.search("garage", "\udcff"),
        remote.get("garage", "\udcff"),
    ):
        assert isinstance(await raised(call), InvalidArgument)
    report = await remote.upsert("garage", [Document("a", "aaa"), Document("b", "\udcff"), Document("\udcff", "c")])
    assert [failed.index for failed in report.errors] == [1, 2]
    assert await remote.count("garage") == 1


class StuckEmbedder(LetterEmbedder):
    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_call_ends_by_its_deadline() -> None:
    async with connected(MemoryMesh(embedder=StuckEmbedder()), "remote", seconds=0.2) as client:
        assert isinstance(await raised(client.embed(["abc"])), DeadlineExceeded)


async def test_an_address_where_nobody_answers_is_unavailable(mesh: MemoryMesh) -> None:
    async with served(mesh.embedder, mesh.searcher) as address:
        pass
    async with AsyncClient(address, timeout=10) as client:
        error = await raised(client.models())
    assert (type(error), error.reason) == (Unavailable, Reason.BACKEND_UNAVAILABLE)


class Recorder(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Notes what calls carry, and serves none of them."""

    def __init__(self) -> None:
        self.headers: dict[str, str | bytes] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
        self.headers = dict(handler_call_details.invocation_metadata or ())


@pytest.mark.parametrize(("api_key", "sent"), [("secret", "Bearer secret"), (None, None)])
async def test_a_key_is_sent_with_every_call(api_key: str | None, sent: str | None) -> None:
    recorder, server = Recorder(), grpc.aio.server()
    server.add_generic_rpc_handlers((recorder,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncClient(f"127.0.0.1:{port}", api_key=api_key) as client:
        assert isinstance(await raised(client.models()), Unimplemented)
    await server.stop(None)
    assert recorder.headers.get("authorization") == sent
    assert recorder.headers["x-request-id"]
