"""Usage adds up by hour, workspace, key and model, survives, and is told by pages."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from sensorium.errors import DataLoss, FailedPrecondition, InvalidArgument, Reason, Unavailable
from sensorium.gateway.usage.store import STORE_FILE, UsageStore
from sensorium.gateway.usage.tables import metadata
from sensorium.gateway.usage.tally import Account, Tally
from sensorium.model.content import Modality
from sensorium.model.embedding import ModalityUsage, Usage
from sensorium.model.usage import UsagePeriod, UsageQuery, UsageRecord
from sensorium.storage import moments
from sensorium.storage.engine import open_engine

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEXT = Usage(3, (ModalityUsage(Modality.TEXT, 2.0, 1.0),))
BOTH = Usage(5, (ModalityUsage(Modality.IMAGE, 1.0, 2.5), ModalityUsage(Modality.TEXT, 1.0, 1.0)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[UsageStore]:
    with UsageStore(tmp_path / STORE_FILE) as opened:
        yield opened


def add(store: UsageStore, *usages: Usage, hours: int = 0, workspace: str = "acme", key: str = "k1") -> None:
    tally = Tally()
    start = moments.to_micros(NOON + timedelta(hours=hours))
    for usage in usages:
        tally.count(Account(start, workspace, key, "m"), usage)
    store.add(tally)


def told(store: UsageStore, **query: Any) -> list[UsageRecord]:
    return list(store.page(UsageQuery(**query), 0, "").items)


def test_sums_are_added_to_what_is_kept(store: UsageStore) -> None:
    add(store, TEXT, BOTH)
    add(store, TEXT)
    (record,) = told(store)
    modalities = (ModalityUsage(Modality.IMAGE, 1.0, 2.5), ModalityUsage(Modality.TEXT, 5.0, 1.0))
    assert record == UsageRecord("acme", "k1", "m", NOON, 3, Usage(11, modalities))
    assert record.usage.total == 7.5


def test_usage_survives_the_process_and_several_may_add(store: UsageStore, tmp_path: Path) -> None:
    add(store, TEXT)
    with UsageStore(tmp_path / STORE_FILE) as other:
        add(other, TEXT)
        assert [each.call_count for each in told(other)] == [2]
    assert [each.call_count for each in told(store)] == [2]


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (UsagePeriod.WHOLE, [(NOON, 3)]),
        (UsagePeriod.DAY, [(NOON - timedelta(hours=12), 2), (NOON + timedelta(hours=12), 1)]),
        (UsagePeriod.HOUR, [(NOON, 1), (NOON + timedelta(hours=1), 1), (NOON + timedelta(hours=13), 1)]),
    ],
)
def test_periods_are_those_of_utc(store: UsageStore, period: UsagePeriod, expected: list[Any]) -> None:
    for hours in (13, 0, 1):
        add(store, BOTH, hours=hours)
    records = told(store, period=period)
    assert [(each.start, each.call_count) for each in records] == expected
    assert all(each.usage.total == 3.5 * each.call_count for each in records)


def test_only_what_is_asked_for_counts(store: UsageStore) -> None:
    add(store, TEXT)
    add(store, TEXT, workspace="other", key="")
    add(store, TEXT, hours=2)
    assert [each.workspace for each in told(store)] == ["acme", "other"]
    assert [each.call_count for each in told(store, workspace="acme")] == [2]
    assert [each.workspace for each in told(store, key_id="")] == ["other"]
    assert told(store, model="unknown") == []
    assert [each.call_count for each in told(store, start=NOON + timedelta(hours=1))] == [1]
    assert [each.call_count for each in told(store, workspace="acme", end=NOON + timedelta(hours=2))] == [1]


@pytest.mark.parametrize("period", UsagePeriod)
def test_pages_go_on_where_the_last_ended(store: UsageStore, period: UsagePeriod) -> None:
    for hours in range(3):
        for key in ("a", "b", "c"):
            add(store, BOTH, hours=hours, key=key)
    whole = told(store, period=period)
    query, token, paged = UsageQuery(period=period), "", []
    while True:
        page = store.page(query, 2, token)
        paged += page.items
        token = page.next_page_token
        if not token:
            break
    assert paged == whole
    assert {each.usage.total for each in whole} == {3.5 if period is UsagePeriod.HOUR else 10.5}


def test_a_token_of_another_query_and_a_negative_size_are_refused(store: UsageStore) -> None:
    add(store, TEXT)
    add(store, TEXT, key="k2")
    token = store.page(UsageQuery(), 1, "").next_page_token
    for query, size, given in ((UsageQuery("acme"), 1, token), (UsageQuery(), 1, "x"), (UsageQuery(), -1, "")):
        with pytest.raises(InvalidArgument) as raised:
            store.page(query, size, given)
        assert raised.value.reason is (Reason.PAGE_TOKEN_INVALID if given else Reason.FIELD_INVALID)


def test_a_query_that_makes_no_sense_is_refused_with_its_field() -> None:
    with pytest.raises(InvalidArgument, match="end_time"):
        UsageQuery(start=NOON, end=NOON)
    with pytest.raises(InvalidArgument, match="workspace"):
        UsageQuery("No")


def test_the_migrations_make_the_tables(store: UsageStore, tmp_path: Path) -> None:
    engine = open_engine(tmp_path / STORE_FILE, begin="BEGIN", connections=1)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_file_of_a_later_release_a_damaged_one_and_none_are_told_apart(tmp_path: Path) -> None:
    with UsageStore(tmp_path / STORE_FILE):
        pass
    connection = sqlite3.connect(tmp_path / STORE_FILE)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    (tmp_path / "damaged").write_bytes(b"no database" * 1000)
    for file, expected in (
        (tmp_path / STORE_FILE, FailedPrecondition),
        (tmp_path / "damaged", DataLoss),
        (tmp_path / "damaged" / "below", Unavailable),
    ):
        with pytest.raises(expected), UsageStore(file):
            pass
