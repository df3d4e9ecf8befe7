"""TLS as clients and roles meet it, with certificates that are replaced while a server runs."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from memory_mesh import MemoryMesh
from served_mesh import served

from sensorium import AsyncClient
from sensorium.embed.client import EmbedClient
from sensorium.errors import FailedPrecondition, Unavailable
from sensorium.rpc.channel import open_channel
from sensorium.rpc.channel_tls import channel_credentials
from sensorium.rpc.server_tls import server_credentials


@dataclass(frozen=True)
class Files:
    """A certificate of 127.0.0.1 and what it stands on."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    def write(self, authority: trustme.CA) -> None:
        made = authority.issue_cert("127.0.0.1", "localhost")
        authority.cert_pem.write_to_path(self.ca)
        made.private_key_pem.write_to_path(self.key)
        self.certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))


def files(folder: Path, authority: trustme.CA | None = None) -> Files:
    folder.mkdir()
    made = Files(folder)
    made.write(authority or trustme.CA())
    return made


@pytest.fixture
def server(tmp_path: Path) -> Files:
    return files(tmp_path / "server")


@pytest.fixture
def mesh() -> MemoryMesh:
    return MemoryMesh()


async def models_over_tls(address: str, ca: Path) -> int:
    async with AsyncClient(address, tls_ca=ca, timeout=10) as client:
        return len(await client.models())


async def test_a_client_calls_over_tls(server: Files, mesh: MemoryMesh) -> None:
    credentials = server_credentials(server.certificate, server.key, None)
    async with served(mesh.embedder, mesh.searcher, credentials=credentials) as address:
        assert await models_over_tls(address, server.ca) == 1


async def test_a_client_without_tls_or_with_other_roots_gets_no_answer(
    server: Files, mesh: MemoryMesh, tmp_path: Path
) -> None:
    other = files(tmp_path / "other")
    credentials = server_credentials(server.certificate, server.key, None)
    async with served(mesh.embedder, mesh.searcher, credentials=credentials) as address:
        with pytest.raises(Unavailable):
            await models_over_tls(address, other.ca)
        async with AsyncClient(address, timeout=10) as plain:
            with pytest.raises(Unavailable):
                await plain.models()


async def test_a_new_certificate_is_shown_without_a_restart(server: Files, mesh: MemoryMesh, tmp_path: Path) -> None:
    credentials = server_credentials(server.certificate, server.key, None)
    old_roots = tmp_path / "old.pem"
    old_roots.write_bytes(server.ca.read_bytes())
    async with served(mesh.embedder, mesh.searcher, credentials=credentials) as address:
        async with AsyncClient(address, tls_ca=old_roots, timeout=10) as early:
            assert await early.models()
            server.write(trustme.CA())
            assert await models_over_tls(address, server.ca) == 1
            assert await early.models()
        with pytest.raises(Unavailable):
            await models_over_tls(address, old_roots)


async def test_files_that_cannot_be_read_leave_the_last_certificate_in_use(server: Files, mesh: MemoryMesh) -> None:
    credentials = server_credentials(server.certificate, server.key, None)
    async with served(mesh.embedder, mesh.searcher, credentials=credentials) as address:
        server.key.unlink()
        assert await models_over_tls(address, server.ca) == 1


async def test_a_server_that_asks_for_certificates_answers_those_of_its_mesh_alone(
    mesh: MemoryMesh, tmp_path: Path
) -> None:
    authority = trustme.CA()
    role, gateway, stranger = (
        files(tmp_path / "role", authority),
        files(tmp_path / "gateway", authority),
        files(tmp_path / "x"),
    )
    credentials = server_credentials(role.certificate, role.key, role.ca)
    async with served(mesh.embedder, mesh.searcher, credentials=credentials) as address:
        known = channel_credentials(gateway.ca, gateway.certificate, gateway.key)
        async with open_channel(address, credentials=known) as channel:
            assert await EmbedClient(channel).models()
        for showing in (
            channel_credentials(role.ca),
            channel_credentials(role.ca, stranger.certificate, stranger.key),
        ):
            async with open_channel(address, credentials=showing) as channel:
                with pytest.raises(Unavailable):
                    await EmbedClient(channel).models()


def test_a_file_that_is_not_there_is_named(server: Files, tmp_path: Path) -> None:
    for make in (
        lambda: server_credentials(tmp_path / "none.pem", server.key, None),
        lambda: channel_credentials(tmp_path / "none.pem"),
    ):
        with pytest.raises(FailedPrecondition, match=r"none\.pem"):
            make()


async def test_a_client_names_the_file_of_roots_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"none\.pem"):
        async with AsyncClient(tls_ca=tmp_path / "none.pem"):
            pass
