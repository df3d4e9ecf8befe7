"""A key that is for some collections reaches through aliases what its scope names, and nothing more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from key_ring import Keys
from memory_mesh import LetterEmbedder
from search_samples import NAME, axis, document, make, put
from served_mesh import served

from sensorium import AsyncClient, Document
from sensorium.errors import PermissionDenied
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.model.access import KeyRole
from sensorium.model.names import AliasName
from sensorium.search.embedded import embedded_search
from sensorium.settings import SearchSettings

COLLECTION = NAME.id


@pytest.fixture
async def address(keys: Keys, tmp_path: Path) -> AsyncIterator[str]:
    async with embedded_search(tmp_path, SearchSettings()) as service:
        await make(service)
        await put(service, document("a", axis(0)))
        await service.set_alias(AliasName("default", "live"), NAME)
        async with served(LetterEmbedder(), service, guard=KeyGuard(keys.ring, local=True)) as opened:
            yield opened


@asynccontextmanager
async def client(keys: Keys, address: str, role: KeyRole, *scope: str) -> AsyncIterator[AsyncClient]:
    _, secret = keys.make(role, workspace="default", collections=scope)
    async with AsyncClient(address, api_key=secret.text) as opened:
        yield opened


async def test_a_key_for_an_alias_reaches_what_it_stands_for_by_its_name_alone(keys: Keys, address: str) -> None:
    async with client(keys, address, KeyRole.WRITE, "live") as mine:
        for name in ("live", "aliases/live", "collections/live"):
            assert await mine.count(name) == 1
            assert [hit.document.id for hit in await mine.search(name, axis(0).to_numpy())] == ["a"]
        assert (await mine.change("live", [Document("a", tags=("t",))])).written_count == 1
        with pytest.raises(PermissionDenied) as caught:
            await mine.count(COLLECTION)
        assert caught.value.metadata["required"] == str(NAME)
        with pytest.raises(PermissionDenied):
            await mine.upsert_bulk(COLLECTION, [Document("b", vector=axis(1).to_numpy())])


async def test_a_key_for_a_collection_does_not_reach_its_aliases(keys: Keys, address: str) -> None:
    async with client(keys, address, KeyRole.WRITE, COLLECTION) as mine:
        assert await mine.count(COLLECTION) == 1
        for name in ("live", "aliases/live"):
            with pytest.raises(PermissionDenied):
                await mine.count(name)
        with pytest.raises(PermissionDenied):
            await mine.get_alias("live")


@pytest.mark.parametrize("scope", [("live",), (COLLECTION,), ("other",)])
async def test_whoever_sets_an_alias_needs_both_names(keys: Keys, address: str, scope: tuple[str, ...]) -> None:
    async with client(keys, address, KeyRole.ADMIN, *scope) as mine:
        with pytest.raises(PermissionDenied):
            await mine.set_alias("live", COLLECTION)
    async with client(keys, address, KeyRole.ADMIN, "live", COLLECTION) as theirs:
        assert (await theirs.set_alias("live", COLLECTION)).collection == NAME
        with pytest.raises(PermissionDenied):
            _ = [alias async for alias in theirs.aliases()]


async def test_only_an_admin_moves_aliases(keys: Keys, address: str) -> None:
    async with client(keys, address, KeyRole.WRITE, "live", COLLECTION) as mine:
        for refused in (mine.set_alias("live", COLLECTION), mine.delete_alias("live")):
            with pytest.raises(PermissionDenied) as caught:
                await refused
            assert caught.value.metadata["required"] == "admin"
