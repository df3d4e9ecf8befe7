"""Calls are counted for whoever makes them, and written down now and then; what cannot be written is not lost."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from memory_mesh import LETTERS, MemoryMesh
from structlog.testing import capture_logs

from sensorium import context
from sensorium.context import CallContext
from sensorium.errors import Unavailable
from sensorium.gateway.usage.ledger import UsageLedger, opened_ledger
from sensorium.gateway.usage.metered import MeteredEmbedder, MeteredTagger
from sensorium.gateway.usage.store import STORE_FILE, UsageStore
from sensorium.gateway.usage.tally import Tally
from sensorium.model.content import Content
from sensorium.model.embedding import EmbedRequest, Usage
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import TagDefinitionSpec, TagRequest, TagSpec
from sensorium.model.usage import UsagePeriod, UsageQuery
from sensorium.storage import moments

LATE = datetime(2026, 1, 1, 12, 59, 59, tzinfo=UTC)


class FaultyStore(UsageStore):
    """Fails as often as it is told to; `reached` is set when it was asked to write."""

    faults = 0
    reached = Event()

    def add(self, tally: Tally) -> None:
        self.reached.set()
        if self.faults:
            self.faults -= 1
            raise Unavailable("the disk is full")
        super().add(tally)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FaultyStore]:
    with FaultyStore(tmp_path / STORE_FILE) as opened:
        yield opened


async def counts(ledger: UsageLedger) -> list[tuple[str, str, str, int, int]]:
    page = await ledger.list_usage(UsageQuery(), 0, "")
    return [(each.workspace, each.key_id, each.model, each.call_count, each.usage.token_count) for each in page.items]


async def test_every_call_counts_for_its_key_workspace_and_model(store: UsageStore) -> None:
    ledger = UsageLedger(store)
    embedder = MeteredEmbedder(MemoryMesh().embedder, ledger)
    request = EmbedRequest((Content.of_text("one"), Content.of_text("two")), workspace="acme")
    for key in ("k1", "k1", ""):
        with context.opened(CallContext(key_id=key)):
            response = await embedder.embed(request)
    await embedder.embed(request)
    tokens = response.usage.token_count
    assert tokens
    assert await counts(ledger) == [("acme", "", "letters", 2, 2 * tokens), ("acme", "k1", "letters", 2, 2 * tokens)]
    assert await embedder.models() == [LETTERS]
    assert await embedder.model("") == LETTERS


async def test_tags_of_another_process_count_by_what_it_tells(store: UsageStore) -> None:
    ledger, mesh = UsageLedger(store), MemoryMesh()
    tagger = MeteredTagger(mesh.tagger, ledger)
    name = TagDefinitionName("default", "moods")
    spec = TagDefinitionSpec(tags=(TagSpec("glad", "glad"),))
    await tagger.create_definition(name, spec)
    assert (await tagger.get_definition(name, 0)).name == name
    assert [each.name for each in (await tagger.list_definitions("default", 10, "")).items] == [name]
    assert len((await tagger.list_definition_versions(name, 10, "")).items) == 1
    tagged = await tagger.tag(TagRequest(name, (Content.of_text("glad"),)))
    await tagger.delete_definition(name)
    assert await counts(ledger) == [("default", "", "letters", 1, tagged.usage.token_count)]


async def test_a_call_counts_in_the_hour_in_which_it_was_answered(store: UsageStore) -> None:
    moment = moments.to_micros(LATE)
    ledger = UsageLedger(store, now=lambda: moment)
    ledger.count("acme", "m", Usage(1))
    moment += 1_000_000
    ledger.count("acme", "m", Usage(1))
    page = await ledger.list_usage(UsageQuery(period=UsagePeriod.HOUR), 0, "")
    assert [each.start.hour for each in page.items] == [12, 13]


async def test_what_cannot_be_written_is_counted_still_and_told_once(store: FaultyStore) -> None:
    ledger = UsageLedger(store)
    store.faults = 2
    with capture_logs() as logs:
        for _ in range(3):
            ledger.count("acme", "m", Usage(1))
            await ledger.flush()
    assert [log["event"] for log in logs] == ["usage_unwritable"]
    assert await counts(ledger) == [("acme", "", "m", 3, 3)]


async def test_counts_are_written_by_themselves_and_at_the_end(tmp_path: Path) -> None:
    store = FaultyStore(tmp_path / STORE_FILE)
    store.reached.clear()
    async with opened_ledger(store, every_seconds=0.001) as ledger:
        ledger.count("acme", "m", Usage(1))
        assert await asyncio.to_thread(store.reached.wait, 10)
    async with opened_ledger(FaultyStore(tmp_path / STORE_FILE), every_seconds=60) as ledger:
        ledger.count("acme", "m", Usage(1))
    with UsageStore(tmp_path / STORE_FILE) as kept:
        assert [each.call_count for each in kept.page(UsageQuery(), 0, "").items] == [2]
