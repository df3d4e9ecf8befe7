"""The usage port, here and over gRPC: the same records for the same questions, for admins alone."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from key_ring import Keys
from memory_mesh import MemoryMesh
from served_mesh import served

from sensorium import AsyncClient
from sensorium.errors import InvalidArgument, PermissionDenied, Reason
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.gateway.usage.client import UsageClient
from sensorium.gateway.usage.ledger import UsageLedger
from sensorium.gateway.usage.metered import MeteredEmbedder
from sensorium.gateway.usage.store import STORE_FILE, UsageStore
from sensorium.model.access import KeyRole
from sensorium.model.content import Modality
from sensorium.model.embedding import ModalityUsage, Usage
from sensorium.model.usage import UsagePeriod, UsageQuery, UsageRecord
from sensorium.ports import UsageReader
from sensorium.rpc.channel import open_channel
from sensorium.v1 import usage_service_pb2 as pb
from sensorium.v1.usage_service_pb2_grpc import UsageServiceStub

HOUR = datetime(2026, 1, 1, 12, tzinfo=UTC)
MODALITIES = (ModalityUsage(Modality.IMAGE, 1.5, 2.0), ModalityUsage(Modality.TEXT, 1.0, 1.0))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[UsageLedger]:
    with UsageStore(tmp_path / STORE_FILE) as store:
        made = UsageLedger(store, now=lambda: int(HOUR.timestamp() * 1e6) + 5)
        for workspace in ("acme", "default"):
            made.count(workspace, "m", Usage(3, MODALITIES))
        yield made


@pytest.fixture(params=["local", "remote"])
async def usage(ledger: UsageLedger, request: pytest.FixtureRequest) -> AsyncIterator[UsageReader]:
    async with AsyncExitStack() as resources:
        if request.param == "local":
            yield ledger
            return
        memory = MemoryMesh()
        address = await resources.enter_async_context(served(memory.embedder, memory.searcher, usage=ledger))
        yield UsageClient(await resources.enter_async_context(open_channel(address)))


@pytest.mark.parametrize(
    ("query", "workspaces"),
    [
        ({}, ["acme", "default"]),
        ({"workspace": "acme", "period": UsagePeriod.HOUR}, ["acme"]),
        ({"key_id": "", "model": "m", "start": HOUR}, ["acme", "default"]),
        ({"key_id": "k1"}, []),
        ({"end": HOUR}, []),
    ],
)
async def test_records_are_what_was_counted(usage: UsageReader, query: dict[str, Any], workspaces: list[str]) -> None:
    page = await usage.list_usage(UsageQuery(**query), 0, "")
    expected = [UsageRecord(each, "", "m", HOUR, 1, Usage(3, MODALITIES)) for each in workspaces]
    assert list(page.items) == expected


async def test_pages_and_their_tokens(usage: UsageReader) -> None:
    first = await usage.list_usage(UsageQuery(), 1, "")
    second = await usage.list_usage(UsageQuery(), 1, first.next_page_token)
    assert [each.workspace for each in (*first.items, *second.items)] == ["acme", "default"]
    assert second.next_page_token == ""
    with pytest.raises(InvalidArgument) as raised:
        await usage.list_usage(UsageQuery(), 1, "x")
    assert raised.value.reason is Reason.PAGE_TOKEN_INVALID


@pytest.mark.parametrize("field", ["start_time", "end_time", "period", "parent"])
async def test_what_no_client_would_send_is_refused_with_its_field(ledger: UsageLedger, field: str) -> None:
    request = pb.ListUsageRequest()
    match field:
        case "period":
            request.period = 9  # type: ignore[assignment]  # No member, which proto3 lets pass.
        case "parent":
            request.parent = "workspaces/--"
        case _:
            getattr(request, field).seconds = 1 << 60
    memory = MemoryMesh()
    async with (
        served(memory.embedder, memory.searcher, usage=ledger) as address,
        open_channel(address) as channel,
    ):
        with pytest.raises(InvalidArgument) as raised:
            await UsageServiceStub(channel).ListUsage(request, timeout=10)
    assert raised.value.field == field


async def test_admins_see_the_usage_of_their_workspace_and_others_none(ledger: UsageLedger, keys: Keys) -> None:
    memory = MemoryMesh()
    embedder = MeteredEmbedder(memory.embedder, ledger)
    made = {
        "everything": keys.make(KeyRole.ADMIN),
        "acme's": keys.make(KeyRole.ADMIN, workspace="acme"),
        "writer's": keys.make(KeyRole.WRITE),
    }
    guard = KeyGuard(keys.ring, local=True)
    async with served(embedder, memory.searcher, guard=guard, usage=ledger) as address:
        key, secret = made["acme's"]
        async with AsyncClient(address, api_key=secret.text, workspace="acme") as mesh:
            await mesh.embed("one")
            records = [each async for each in mesh.usage(key=key.id)]
            assert [(each.workspace, each.key_id, each.call_count) for each in records] == [("acme", key.id, 1)]
            with pytest.raises(PermissionDenied):
                await anext(mesh.usage(all_workspaces=True))
        async with AsyncClient(address, api_key=made["everything"][1].text) as mesh:
            everyone = {each.workspace async for each in mesh.usage(all_workspaces=True, period="day")}
            assert everyone == {"acme", "default"}
        async with AsyncClient(address, api_key=made["writer's"][1].text) as mesh:
            with pytest.raises(PermissionDenied):
                await anext(mesh.usage())
