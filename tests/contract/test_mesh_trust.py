"""Processes as the composition root puts them together: who may listen where, and whom each of them believes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from memory_mesh import MemoryMesh
from served_mesh import served

from sensorium import AsyncClient, Document, app, context
from sensorium.embed.client import EmbedClient
from sensorium.errors import FailedPrecondition, SensoriumError, Unauthenticated, Unavailable
from sensorium.gateway.keys.store import STORE_FILE, KeyStore
from sensorium.model.access import KeyRole
from sensorium.model.content import Content
from sensorium.model.embedding import EmbedRequest, EmbedResponse
from sensorium.model.key import KeySpec
from sensorium.rpc.channel import open_channel
from sensorium.rpc.mesh_token import mesh_token
from sensorium.rpc.outgoing import KEY_HEADER
from sensorium.rpc.role_guard import MESH_HEADER, RoleGuard
from sensorium.rpc.server_tls import server_credentials
from sensorium.search.client import SearchClient
from sensorium.settings import MeshSettings, Settings

TOKEN = "a secret of the mesh"  # nosec
ANYWHERE = "0.0.0.0"  # nosec


@pytest.fixture(autouse=True)
def _own_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the logs of the test process as they are."""
    monkeypatch.setattr(app, "configure_logs", lambda _settings: None)


def settings(folder: Path, role: str, **sections: Any) -> Settings:
    grpc = {"port": 0, "drain_seconds": 0, **sections.pop("grpc", {})}
    return Settings(role=role, data_dir=folder / role, grpc=grpc, http={"port": 0}, **sections)  # type: ignore[arg-type]


def make_key(chosen: Settings, role: KeyRole = KeyRole.ADMIN) -> tuple[str, str]:
    """Return the id and the secret of a new key, made as `sensorium key` makes it."""
    with KeyStore(chosen.data_dir / STORE_FILE) as store:
        key, secret = store.create(KeySpec("test", role))
    return key.id, secret.text


@asynccontextmanager
async def gateway(folder: Path, **sections: Any) -> AsyncIterator[tuple[Settings, str]]:
    """Run a gateway over a memory mesh whose roles ask for TOKEN."""
    memory = MemoryMesh()
    async with served(memory.embedder, memory.store, guard=RoleGuard(TOKEN)) as behind:
        target = {"target": behind}
        chosen = settings(folder, "gateway", embed=target, search=target, tag=target, **sections)
        async with app.mesh(chosen) as running:
            await running.wait_ready()
            yield chosen, running.grpc_address


async def embedded(address: str, api_key: str | None = None) -> SensoriumError | None:
    async with AsyncClient(address, api_key=api_key, timeout=10) as client:
        try:
            await client.embed("abc")
        except SensoriumError as error:
            return error
    return None


async def eventually(expected: type[SensoriumError] | None, address: str, api_key: str | None) -> float:
    """Call until the outcome is of the kind; return the seconds that it took."""
    started = time.monotonic()
    async with asyncio.timeout(5):
        while type(await embedded(address, api_key)) is not (expected or type(None)):
            pass
    return time.monotonic() - started


async def test_a_running_gateway_learns_of_keys_and_of_their_revocation_within_a_second(tmp_path: Path) -> None:
    async with gateway(tmp_path, mesh={"token": TOKEN}) as (chosen, address):
        assert await embedded(address) is None
        key_id, secret = make_key(chosen)
        assert await eventually(Unauthenticated, address, None) < 1
        assert await embedded(address, secret) is None
        with KeyStore(chosen.data_dir / STORE_FILE) as store:
            store.revoke(key_id)
        assert await eventually(Unauthenticated, address, secret) < 1


async def test_roles_know_for_which_key_they_are_called_and_a_gateway_believes_nobody(tmp_path: Path) -> None:
    memory, seen = MemoryMesh(), list[str]()
    embed = memory.embedder.embed

    async def noting(request: EmbedRequest) -> EmbedResponse:
        seen.append(context.key_id())
        return await embed(request)

    memory.embedder.embed = noting  # type: ignore[method-assign]
    async with served(memory.embedder, memory.store, guard=RoleGuard(TOKEN)) as behind:
        target = {"target": behind}
        chosen = settings(tmp_path, "gateway", embed=target, search=target, tag=target, mesh={"token": TOKEN})
        key_id, secret = make_key(chosen)
        async with app.mesh(chosen) as running:
            await running.wait_ready()
            assert await embedded(running.grpc_address, secret) is None
            headers = {KEY_HEADER: "another", "authorization": f"Bearer {secret}"}
            async with open_channel(running.grpc_address, headers=headers) as channel:
                await EmbedClient(channel).embed(EmbedRequest((Content.of_text("abc"),)))
    assert seen == [key_id, key_id]


async def test_a_gateway_that_its_roles_do_not_know_says_that_it_is_not_its_callers_fault(tmp_path: Path) -> None:
    async with gateway(tmp_path, mesh={"token": "wrong"}) as (_, address):
        error = await embedded(address)
    assert isinstance(error, Unavailable)
    assert "mesh token" in error.message


@pytest.mark.parametrize("role", ["gateway", "search"])
async def test_nothing_listens_beyond_loopback_while_anybody_may_call(tmp_path: Path, role: str) -> None:
    memory = MemoryMesh()
    remedy = {"gateway": "sensorium key create", "search": "SENSORIUM_MESH__TOKEN"}[role]
    async with served(memory.embedder, memory.store) as behind:
        targets = {section: {"target": behind} for section in ("embed", "search", "tag")}
        chosen = settings(tmp_path, role, grpc={"host": ANYWHERE}, **targets)
        with pytest.raises(FailedPrecondition, match=remedy) as raised:
            async with app.mesh(chosen):
                pass
    assert raised.value.field == "grpc.host"


async def test_a_gateway_with_a_key_listens_beyond_loopback(tmp_path: Path) -> None:
    make_key(settings(tmp_path, "gateway"))
    async with gateway(tmp_path, grpc={"host": ANYWHERE}, mesh={"token": TOKEN}) as (_, address):
        assert isinstance(await embedded(address.replace(ANYWHERE, "127.0.0.1")), Unauthenticated)


async def test_loopback_stays_open_beside_keys_where_a_setting_says_so(tmp_path: Path) -> None:
    make_key(settings(tmp_path, "gateway"))
    async with gateway(tmp_path, keys={"loopback_open": True}, mesh={"token": TOKEN}) as (_, address):
        assert await embedded(address) is None
        assert isinstance(await embedded(address, "sk-wrong"), Unauthenticated)


async def search_role(address: str, **channel: Any) -> SensoriumError | None:
    async with open_channel(address, **channel) as opened:
        try:
            await asyncio.wait_for(SearchClient(opened).list_collections("default", 10, ""), 10)
        except SensoriumError as error:
            return error
    return None


async def test_a_role_with_a_token_answers_its_mesh_alone(tmp_path: Path) -> None:
    async with app.mesh(settings(tmp_path, "search", mesh={"token": TOKEN})) as running:
        assert isinstance(await search_role(running.grpc_address), Unauthenticated)
        for wrong in ("", "wrong", TOKEN[:-1], TOKEN + "x"):
            assert isinstance(await search_role(running.grpc_address, headers={MESH_HEADER: wrong}), Unauthenticated)
        assert await search_role(running.grpc_address, headers={MESH_HEADER: TOKEN}) is None


async def test_roles_and_gateway_find_each_other_by_token_and_certificates(tmp_path: Path) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    made.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    tls = {"ca": tmp_path / "ca.pem", "certificate": tmp_path / "both.pem", "key": tmp_path / "both.pem"}
    memory = MemoryMesh()
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    trust = {"tls": tls, "token_file": tmp_path / "token"}
    credentials = server_credentials(tls["certificate"], tls["key"], tls["ca"])
    async with (
        served(memory.embedder, memory.store, guard=RoleGuard(TOKEN), credentials=credentials) as embed,
        app.mesh(settings(tmp_path, "search", mesh=trust)) as search,
    ):
        assert isinstance(await search_role(search.grpc_address, headers={MESH_HEADER: TOKEN}), Unavailable)
        targets = {"embed": {"target": embed}, "search": {"target": search.grpc_address}, "tag": {"target": embed}}
        async with (
            app.mesh(settings(tmp_path, "gateway", mesh=trust, **targets)) as running,
            AsyncClient(running.grpc_address, timeout=10) as client,
        ):
            await running.wait_ready()
            await client.create_collection("garage", model="letters")
            await client.upsert("garage", [Document("a", "aaa")])
            assert [hit.document.id for hit in await client.search("garage", "aaa")] == ["a"]


async def test_certificates_alone_let_a_role_listen_beyond_loopback(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    pair = {"certificate": tmp_path / "both.pem", "key": tmp_path / "both.pem"}
    chosen = settings(tmp_path, "search", grpc={"host": ANYWHERE}, mesh={"tls": {**pair, "ca": tmp_path / "ca.pem"}})
    async with app.mesh(chosen) as running:
        assert running.grpc_address
    with pytest.raises(FailedPrecondition, match="SENSORIUM_MESH__TLS"):
        async with app.mesh(settings(tmp_path, "search", grpc={"host": ANYWHERE}, mesh={"tls": pair})):
            pass


def test_a_token_comes_from_the_setting_or_the_file_and_is_in_no_repr(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert mesh_token(MeshSettings(token_file=file)) == TOKEN
    assert mesh_token(MeshSettings(token="mine", token_file=file)) == "mine"  # type: ignore[arg-type]
    assert mesh_token(MeshSettings()) == ""
    assert TOKEN not in repr(MeshSettings(token=TOKEN))  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [None, "", " \n", "ü"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with pytest.raises(FailedPrecondition, match="token"):
        mesh_token(MeshSettings(token_file=file))
