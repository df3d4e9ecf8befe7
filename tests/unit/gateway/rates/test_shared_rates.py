"""Gateways that share a data directory share the rates of keys: what one lets pass, the others know of."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from key_ring import Clock
from sqlalchemy import create_engine
from structlog.testing import capture_logs

from sensorium.errors import FailedPrecondition, ResourceExhausted
from sensorium.gateway.keys.ring import KeyRing
from sensorium.gateway.keys.store import STORE_FILE as KEYS_FILE
from sensorium.gateway.keys.store import KeyStore
from sensorium.gateway.rates.exchange import RateExchange, shared_rates
from sensorium.gateway.rates.store import STORE_FILE, Charge, RateStore
from sensorium.gateway.rates.tables import metadata
from sensorium.model.access import KeyRole
from sensorium.model.key import KeySpec

SECONDS = 0.25


@dataclass
class Gateway:
    """What of a gateway is about rates."""

    ring: KeyRing
    exchange: RateExchange
    shown: str

    def passes(self, count: int = 1) -> bool:
        try:
            self.ring.find(self.shown).meter.request(count)
        except ResourceExhausted:
            return False
        return True

    def use(self, tokens: int) -> None:
        self.ring.find(self.shown).meter.used(tokens)


@dataclass
class Several:
    """Gateways over one folder, on one clock."""

    gateways: Sequence[Gateway]
    clock: Clock

    async def level(self) -> None:
        """Let all of them tell and hear; twice, as the last to tell is heard by nobody the first time."""
        for gateway in (*self.gateways, *self.gateways):
            await gateway.exchange.exchange()


class Opened:
    """Opens gateways on a folder until the block ends."""

    def __init__(self, folder: Path, count: int, **rates: int) -> None:
        self._folder, self._count, self._rates = folder, count, rates
        self._resources = ExitStack()

    def __enter__(self) -> Several:
        clock, enter = Clock(), self._resources.enter_context
        _, secret = enter(KeyStore(self._folder / KEYS_FILE)).create(KeySpec("x", KeyRole.READ, **self._rates))
        gateways = []
        for _ in range(self._count):
            ring = KeyRing(enter(KeyStore(self._folder / KEYS_FILE)), clock=clock)
            ring.read()
            store = enter(RateStore(self._folder / STORE_FILE, now=lambda: round(clock() * 1e6)))
            gateways.append(Gateway(ring, RateExchange(ring, store, SECONDS), secret.text))
        return Several(gateways, clock)

    def __exit__(self, *_: object) -> None:
        self._resources.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Several]:
    with Opened(tmp_path, 2, requests_per_minute=60, tokens_per_minute=600) as several:
        yield several


async def test_what_one_gateway_lets_pass_the_other_knows(two: Several) -> None:
    one, other = two.gateways
    await two.level()
    passed = 0
    for _ in range(8):
        passed += sum(one.passes() for _ in range(60))
        await one.exchange.exchange()
    assert passed >= 50
    await two.level()
    for _ in range(8):
        passed += sum(other.passes() for _ in range(60))
        await two.level()
    assert 58 <= passed <= 61


async def test_two_that_are_asked_at_once_stay_within_the_rate(two: Several) -> None:
    await two.level()
    passed = 0
    for _ in range(10):
        passed += sum(gateway.passes() for gateway in two.gateways for _ in range(40))
        await two.level()
    assert passed <= 61
    two.clock.seconds += 10
    for _ in range(10):
        await two.level()
        passed += sum(gateway.passes() for gateway in two.gateways for _ in range(40))
    assert 68 <= passed <= 71


async def test_a_refusal_before_the_others_were_asked_names_the_time_until_then(two: Several) -> None:
    one, _ = two.gateways
    await two.level()
    while one.passes():
        pass
    with pytest.raises(ResourceExhausted) as refused:
        one.ring.find(one.shown).meter.request(1)
    assert refused.value.retry_after == SECONDS
    await two.level()
    assert one.passes()


async def test_tokens_that_one_owes_all_owe(two: Several) -> None:
    one, other = two.gateways
    await two.level()
    one.use(1200)
    assert other.passes()
    await two.level()
    assert not other.passes()
    two.clock.seconds += 61
    await two.level()
    assert other.passes()


async def test_a_rate_of_one_is_one_whoever_is_asked(tmp_path: Path) -> None:
    with Opened(tmp_path, 2, requests_per_minute=1) as two:
        one, other = two.gateways
        for asked, idle in ((one, other), (other, one), (one, other)):
            await two.level()
            assert asked.passes()
            await two.level()
            assert not asked.passes()
            assert not idle.passes()
            two.clock.seconds += 60


async def test_a_gateway_that_leaves_gives_its_share_back_and_one_that_starts_knows_what_is_owed(
    two: Several, tmp_path: Path
) -> None:
    one, other = two.gateways
    await two.level()
    await other.exchange.leave()
    await one.exchange.exchange()
    assert sum(one.passes() for _ in range(100)) == 60
    await one.exchange.leave()
    with RateStore(tmp_path / STORE_FILE, now=lambda: round(two.clock() * 1e6)) as store:
        started = RateExchange(other.ring, store, SECONDS)
        await started.exchange()
        assert not other.passes()


async def test_a_gateway_that_fell_silent_is_no_longer_counted(two: Several) -> None:
    one, _ = two.gateways
    await two.level()
    two.clock.seconds += 10
    await one.exchange.exchange()
    assert one.passes()
    await one.exchange.exchange()
    assert sum(one.passes() for _ in range(100)) > 40


async def test_without_the_store_a_gateway_counts_alone_and_says_so_once(tmp_path: Path) -> None:
    with Opened(tmp_path, 2, requests_per_minute=60) as two:
        await two.level()
        one, _ = two.gateways
        connection = sqlite3.connect(tmp_path / STORE_FILE)
        connection.execute("DROP TABLE gateways")
        connection.commit()
        connection.close()
        with capture_logs() as logs:
            assert one.passes()
            await one.exchange.exchange()
            await one.exchange.exchange()
            assert sum(one.passes() for _ in range(100)) >= 40
            await one.exchange.leave()
        assert [log["event"] for log in logs] == ["rates_unshared", "rates_unshared"]


async def test_keys_without_rates_ask_for_nothing(tmp_path: Path) -> None:
    with Opened(tmp_path, 1) as alone:
        await alone.level()
        assert alone.gateways[0].passes(1000)
        with RateStore(tmp_path / STORE_FILE) as store:
            assert store.exchange([]).gateway_count == 1


async def test_a_clock_that_was_set_back_fills_nothing(tmp_path: Path) -> None:
    clock = Clock()
    place = ("k", "requests")
    with RateStore(tmp_path / STORE_FILE, now=lambda: round(clock() * 1e6)) as store:
        assert store.exchange([Charge(place, 60, 60.0)]).by_place[place].level == 0
        clock.seconds -= 500
        assert store.exchange([Charge(place, 60, 1.0)]).by_place[place].level == -1


async def test_the_exchange_goes_on_by_itself(tmp_path: Path) -> None:
    with Opened(tmp_path, 2, requests_per_minute=60) as two:
        one, other = two.gateways
        stores = [RateStore(tmp_path / f"shared-{STORE_FILE}") for _ in range(2)]
        async with shared_rates(one.ring, stores[0], 0.01), shared_rates(other.ring, stores[1], 0.01):
            async with asyncio.timeout(60):
                while one.passes() or other.passes():  # noqa: ASYNC110 - nothing tells of an exchange
                    await asyncio.sleep(0.02)


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata

    with RateStore(tmp_path / STORE_FILE):
        engine = create_engine(f"sqlite:///{tmp_path / STORE_FILE}")
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        engine.dispose()


def test_a_file_of_a_later_release_is_refused(tmp_path: Path) -> None:
    with RateStore(tmp_path / STORE_FILE):
        pass
    connection = sqlite3.connect(tmp_path / STORE_FILE)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(FailedPrecondition, match="9999"), RateStore(tmp_path / STORE_FILE):
        pass


@settings(max_examples=15, deadline=None)
@given(
    rate=st.integers(1, 200),
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 100), st.floats(0, 3)), min_size=1, max_size=25),
)
async def test_over_any_time_the_sum_stays_within_the_rate_and_a_request_of_each(
    rate: int, steps: list[tuple[int, int, float]]
) -> None:
    with TemporaryDirectory() as folder, Opened(Path(folder), 3, requests_per_minute=rate) as three:
        await three.level()
        passed = 0
        for index, tries, pause in steps:
            passed += sum(three.gateways[index].passes() for _ in range(tries))
            three.clock.seconds += pause
            await three.gateways[(index + 1) % 3].exchange.exchange()
            await three.gateways[index].exchange.exchange()
        came = rate + (three.clock.seconds - 1000) * rate / 60
        assert passed <= came + 2
