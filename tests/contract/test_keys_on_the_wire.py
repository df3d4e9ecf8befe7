"""Keys as clients meet them: at calls, batches and streams, at reflection and health, and while they are changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from framed import EMBED, Framed, framed
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from key_ring import Keys, bearer
from memory_mesh import MemoryMesh
from served_mesh import served

from sensorium import AsyncClient, Client, Document, context
from sensorium.errors import PermissionDenied, Reason, ResourceExhausted, SensoriumError, Unauthenticated
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.gateway.keys.secret import Secret
from sensorium.model.access import KeyRole
from sensorium.rpc.status import from_rpc_error
from sensorium.v1.embed_service_pb2 import EmbedRequest, EmbedResponse, StreamEmbedRequest
from sensorium.v1.embed_service_pb2_grpc import EmbedServiceStub
from sensorium.v1.types_pb2 import Usage

TOKENS = 30


async def thirty_tokens(request: EmbedRequest) -> EmbedResponse:
    return EmbedResponse(model=request.model, usage=Usage(token_count=TOKENS))


@pytest.fixture
async def server(keys: Keys) -> AsyncIterator[Framed]:
    async with framed(thirty_tokens, guard=KeyGuard(keys.ring, local=True)) as running:
        yield running


@pytest.fixture
async def channel(server: Framed) -> AsyncIterator[aio.Channel]:
    async with aio.insecure_channel(server.address) as opened:
        yield opened


async def raised(call: Any) -> SensoriumError:
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


def stub(channel: aio.Channel) -> Any:
    return EmbedServiceStub(channel)


def shown(secret: Secret) -> tuple[tuple[str, str], ...]:
    return tuple(bearer(secret).items())


async def test_the_call_of_a_key_knows_whose_it_is(keys: Keys, server: Framed, channel: aio.Channel) -> None:
    key, secret = keys.make()
    await stub(channel).Embed(EmbedRequest(), metadata=shown(secret))
    assert server.servicer.calls[-1].key_id == key.id
    assert context.current() is None


async def test_a_refused_call_reaches_no_servicer_and_is_counted(
    keys: Keys, server: Framed, channel: aio.Channel
) -> None:
    keys.make()
    error = await raised(stub(channel).Embed(EmbedRequest()))
    assert isinstance(error, Unauthenticated)
    assert "authorization: Bearer" in error.message
    assert server.servicer.calls == []
    assert server.calls_counted("UNAUTHENTICATED", EMBED) == 1


async def test_requests_beyond_the_rate_are_refused_with_the_delay_after_which_they_pass(
    keys: Keys, channel: aio.Channel
) -> None:
    _, secret = keys.make(requests_per_minute=2)
    for _ in range(2):
        await stub(channel).Embed(EmbedRequest(), metadata=shown(secret))
    error = await raised(stub(channel).Embed(EmbedRequest(), metadata=shown(secret)))
    assert (type(error), error.reason) == (ResourceExhausted, Reason.RATE_LIMITED)
    assert error.retry_after == pytest.approx(30)
    keys.clock.seconds += 30
    await stub(channel).Embed(EmbedRequest(), metadata=shown(secret))


async def test_tokens_are_charged_and_owed(keys: Keys, channel: aio.Channel) -> None:
    _, secret = keys.make(tokens_per_minute=TOKENS // 2)
    await stub(channel).Embed(EmbedRequest(), metadata=shown(secret))
    error = await raised(stub(channel).Embed(EmbedRequest(), metadata=shown(secret)))
    assert error.reason is Reason.RATE_LIMITED
    assert error.retry_after == pytest.approx(60 * (TOKENS // 2 + 1) / (TOKENS // 2))


async def test_a_stream_ends_where_its_key_has_used_up_its_rate(keys: Keys, channel: aio.Channel) -> None:
    _, secret = keys.make(requests_per_minute=3)
    requests = [StreamEmbedRequest(request=EmbedRequest(model=str(number))) for number in range(5)]
    call = stub(channel).StreamEmbed(iter(requests), metadata=shown(secret))
    answered = [(await call.read()).response.model for _ in range(3)]
    error = await raised(call.read())
    assert (error.reason, error.retry_after) == (Reason.RATE_LIMITED, pytest.approx(20))
    assert answered == ["0", "1", "2"]


async def test_a_stream_is_charged_for_the_tokens_of_each_response(keys: Keys, channel: aio.Channel) -> None:
    _, secret = keys.make(tokens_per_minute=TOKENS)
    call = stub(channel).StreamEmbed(iter([StreamEmbedRequest()]), metadata=shown(secret))
    assert len([response async for response in call]) == 1
    error = await raised(stub(channel).Embed(EmbedRequest(), metadata=shown(secret)))
    assert error.reason is Reason.RATE_LIMITED


async def test_a_request_of_a_stream_that_names_another_workspace_ends_it(keys: Keys, channel: aio.Channel) -> None:
    _, secret = keys.make(workspace="acme")
    names = ["workspaces/acme", "workspaces/other"]
    requests = [StreamEmbedRequest(request=EmbedRequest(parent=name)) for name in names]
    call = stub(channel).StreamEmbed(iter(requests), metadata=shown(secret))
    await call.read()
    error = await raised(call.read())
    assert isinstance(error, PermissionDenied)
    assert error.metadata["required"] == "workspaces/other"


async def test_a_stream_ends_at_its_next_request_when_its_key_was_revoked(keys: Keys, channel: aio.Channel) -> None:
    key, secret = keys.make()
    call = stub(channel).StreamEmbed(metadata=shown(secret))
    await call.write(StreamEmbedRequest())
    await call.read()
    keys.cli.revoke(key.id)
    keys.ring.read()
    await call.write(StreamEmbedRequest())
    error = await raised(call.read())
    assert isinstance(error, Unauthenticated)
    assert "revoked" in error.message


def reflect(channel: aio.Channel, metadata: Any = ()) -> Any:
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    return reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([asked]), metadata=metadata)


async def test_reflection_needs_any_key_and_health_none(keys: Keys, channel: aio.Channel) -> None:
    assert (await reflect(channel).read()).list_services_response.service
    _, secret = keys.make(workspace="acme", collections=("garage",))
    assert isinstance(await raised(reflect(channel).read()), Unauthenticated)
    assert (await reflect(channel, shown(secret)).read()).list_services_response.service
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@asynccontextmanager
async def client(keys: Keys, mesh: MemoryMesh, secret: Secret | None, **options: Any) -> AsyncIterator[AsyncClient]:
    guard = KeyGuard(keys.ring, local=True)
    async with (
        served(mesh.embedder, mesh.searcher, guard=guard) as address,
        AsyncClient(address, api_key=secret.text if secret else None, **options) as opened,
    ):
        yield opened


async def test_a_client_with_a_key_does_what_the_role_allows(keys: Keys) -> None:
    mesh = MemoryMesh()
    _, writing = keys.make(KeyRole.WRITE)
    async with client(keys, mesh, writing) as mine:
        await mine.create_collection("garage", model="letters")
        await mine.upsert("garage", [Document("a", "aaa")])
        with pytest.raises(PermissionDenied) as caught:
            await mine.delete_collection("garage", force=True)
        assert caught.value.metadata["required"] == "admin"
    _, reading = keys.make(KeyRole.READ, workspace="default", collections=("garage",))
    async with client(keys, mesh, reading) as theirs:
        assert [hit.document.id for hit in await theirs.search("garage", "aaa")] == ["a"]
        assert len(await theirs.models()) == 1
        for refused in (theirs.search("other", "aaa"), theirs.upsert("garage", [Document("b", "bbb")])):
            with pytest.raises(PermissionDenied):
                await refused


async def test_a_client_finds_its_key_in_the_environment(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = keys.make()
    monkeypatch.setenv("SENSORIUM_API_KEY", f"{secret.text}\n")
    async with client(keys, MemoryMesh(), None) as mine:
        assert await mine.embed("abc")


async def test_a_client_without_a_key_is_told_what_it_lacks(keys: Keys) -> None:
    keys.make()
    async with client(keys, MemoryMesh(), None) as stranger:
        with pytest.raises(Unauthenticated, match="authorization: Bearer"):
            await stranger.models()


async def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(SensoriumError, match="printable ASCII"):
        async with AsyncClient(api_key="a\nb"):
            pass


async def test_the_blocking_client_shows_its_key_too(keys: Keys) -> None:
    _, secret = keys.make()
    mesh = MemoryMesh()
    async with served(mesh.embedder, mesh.searcher, guard=KeyGuard(keys.ring, local=True)) as address:

        def ask() -> int:
            with Client(address, api_key=secret.text) as mine:
                return len(mine.models())

        assert await asyncio.to_thread(ask) == 1


async def test_batches_of_a_client_use_up_what_they_embed_and_wait_for_more(keys: Keys) -> None:
    """Each content is a token of the memory mesh."""
    _, secret = keys.make(tokens_per_minute=6)
    async with client(keys, MemoryMesh(), secret, retries=0) as mine:
        await mine.embed(["abc"] * 12)
        with pytest.raises(ResourceExhausted) as caught:
            await mine.embed(["abc"])
    assert caught.value.reason is Reason.RATE_LIMITED
    assert caught.value.retry_after == pytest.approx(70)
