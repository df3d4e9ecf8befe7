"""The usage of several processes reads as that of one, whatever the pages."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import InvalidArgument, Reason
from sensorium.gateway.usage.combined import CombinedUsage
from sensorium.gateway.usage.ledger import UsageLedger
from sensorium.gateway.usage.store import STORE_FILE, UsageStore
from sensorium.gateway.usage.tally import Account, Tally
from sensorium.model.content import Modality
from sensorium.model.embedding import ModalityUsage, Usage
from sensorium.model.usage import UsagePeriod, UsageQuery, UsageRecord
from sensorium.ports import UsageReader
from sensorium.storage import moments

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEXT = Usage(3, (ModalityUsage(Modality.TEXT, 2.0, 1.0),))
BOTH = Usage(5, (ModalityUsage(Modality.IMAGE, 1.0, 2.5), ModalityUsage(Modality.TEXT, 1.0, 1.0)))
COUNTED = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["", "k"]), st.integers(0, 30), st.booleans())


def add(store: UsageStore, workspace: str, key: str, hours: int, usage: Usage) -> None:
    tally = Tally()
    tally.count(Account(moments.to_micros(NOON + timedelta(hours=hours)), workspace, key, "m"), usage)
    store.add(tally)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[UsageStore, UsageStore]]:
    with UsageStore(tmp_path / STORE_FILE) as one, UsageStore(tmp_path / f"other-{STORE_FILE}") as other:
        yield one, other


async def listed(usage: UsageReader, query: UsageQuery, size: int) -> Sequence[UsageRecord]:
    found, token = list[UsageRecord](), ""
    while True:
        page = await usage.list_usage(query, size, token)
        assert len(page.items) <= size
        found += page.items
        token = page.next_page_token
        if not token:
            return found


async def test_what_both_counted_of_one_key_is_one_record(two: tuple[UsageStore, UsageStore]) -> None:
    add(two[0], "acme", "k", 1, TEXT)
    add(two[1], "acme", "k", 0, BOTH)
    (record,) = await listed(CombinedUsage([UsageLedger(each) for each in two]), UsageQuery(), 10)
    modalities = (ModalityUsage(Modality.IMAGE, 1.0, 2.5), ModalityUsage(Modality.TEXT, 3.0, 1.0))
    assert record == UsageRecord("acme", "k", "m", NOON, 2, Usage(8, modalities))


async def test_a_token_that_is_none_is_refused(two: tuple[UsageStore, UsageStore]) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await CombinedUsage([UsageLedger(each) for each in two]).list_usage(UsageQuery(), 1, "x")
    assert raised.value.reason is Reason.PAGE_TOKEN_INVALID


@settings(max_examples=6, deadline=None)
@given(
    counted=st.lists(st.tuples(COUNTED, st.booleans()), max_size=12),
    size=st.integers(1, 4),
    period=st.sampled_from(UsagePeriod),
)
async def test_two_tell_what_one_would(
    counted: list[tuple[tuple[str, str, int, bool], bool]], size: int, period: UsagePeriod
) -> None:
    with TemporaryDirectory() as folder, ExitStack() as opened:
        whole, one, other = (opened.enter_context(UsageStore(Path(folder) / f"{each}.sqlite3")) for each in "abc")
        for (workspace, key, hours, both), elsewhere in counted:
            for store in (whole, other if elsewhere else one):
                add(store, workspace, key, hours, BOTH if both else TEXT)
        query = UsageQuery(period=period)
        expected = await listed(UsageLedger(whole), query, 1000)
        assert await listed(CombinedUsage([UsageLedger(one), UsageLedger(other)]), query, size) == expected
