"""Whoever shows a secret is known by it, and nobody else."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from key_ring import Keys

from sensorium.errors import Reason, Unauthenticated
from sensorium.gateway.keys.ring import KeyRing
from sensorium.gateway.keys.store import STORE_FILE, KeyStore


def refused(keys: Keys, shown: str) -> str:
    with pytest.raises(Unauthenticated) as raised:
        keys.ring.find(shown)
    assert raised.value.reason is Reason.KEY_INVALID
    return raised.value.message


def test_a_secret_finds_its_key(keys: Keys) -> None:
    made = [keys.make() for _ in range(3)]
    assert [keys.ring.find(secret.text).key for _, secret in made] == [key for key, _ in made]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.from_regex(r"sk-[0-9a-f]{12}-[A-Za-z0-9_-]{43}", fullmatch=True))
def test_what_nobody_made_is_refused(keys: Keys, shown: str) -> None:
    assert refused(keys, shown) == "the key is not one of this mesh"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.integers(0, 58), st.characters(codec="ascii"))
def test_a_secret_with_one_wrong_character_is_refused(keys: Keys, place: int, wrong: str) -> None:
    text = keys.make()[1].text
    altered = text[:place] + wrong + text[place + 1 :]
    if altered != text:
        refused(keys, altered)


def test_the_secret_of_one_key_does_not_open_another(keys: Keys) -> None:
    one, other = keys.make()[1].text, keys.make()[1].text
    refused(keys, one[:15] + other[15:])


def test_a_revoked_key_is_refused_by_a_ring_that_reads_again(keys: Keys) -> None:
    key, secret = keys.make()
    keys.cli.revoke(key.id)
    assert keys.ring.find(secret.text)
    keys.ring.read()
    assert refused(keys, secret.text) == f"the key {key.id} is revoked"


def test_a_key_ends_at_its_time(keys: Keys) -> None:
    key, secret = keys.make(expire_time=keys.calendar() + timedelta(hours=1))
    assert keys.ring.find(secret.text)
    keys.calendar.today += timedelta(hours=1)
    assert refused(keys, secret.text) == f"the key {key.id} is expired"


def test_a_ring_without_any_key_is_empty_and_one_with_a_revoked_key_is_not(keys: Keys) -> None:
    assert not keys.ring
    key, _ = keys.make()
    keys.cli.revoke(key.id)
    keys.ring.read()
    assert keys.ring


def test_what_a_key_has_used_up_survives_a_change_of_others(keys: Keys) -> None:
    _, secret = keys.make(requests_per_minute=1)
    keys.ring.find(secret.text).meter.request(1)
    before = keys.ring.find(secret.text).meter
    keys.make()
    assert keys.ring.find(secret.text).meter is before


async def test_a_follower_sees_what_others_write_and_keeps_its_own_connection(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeyStore(tmp_path / STORE_FILE) as store:
        ring, reads = KeyRing(store), asyncio.Queue[None]()
        loop, read = asyncio.get_running_loop(), ring.read

        def told() -> bool:
            loop.call_soon_threadsafe(reads.put_nowait, None)
            return read()

        monkeypatch.setattr(ring, "read", told)
        following = asyncio.create_task(ring.follow(0.001))
        _, secret = keys.cli.create(keys.make()[0].spec)
        for _ in range(3):
            await reads.get()
        assert ring.find(secret.text)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
