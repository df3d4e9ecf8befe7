"""Whoever shows a secret is known by it, and nobody else."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from key_ring import Keys
from structlog.testing import capture_logs

from sensorium.errors import Reason, Unauthenticated, Unavailable
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


def test_a_secret_that_was_replaced_lasts_as_long_as_it_was_given(keys: Keys) -> None:
    key, old = keys.make()
    streaming = keys.ring.find(old.text)
    rotated, new = keys.cli.rotate(key.id, timedelta(hours=1))
    keys.ring.read()
    assert rotated.previous_until is not None
    keys.calendar.today = rotated.previous_until - timedelta(seconds=1)
    assert keys.ring.find(old.text).meter is keys.ring.find(new.text).meter
    assert keys.ring.generations(key.id) == (1, 0)
    keys.ring.check(streaming)
    keys.calendar.today = rotated.previous_until
    assert refused(keys, old.text) == f"the key {key.id} has another secret now"
    with pytest.raises(Unauthenticated, match="another secret"):
        keys.ring.check(streaming)
    assert keys.ring.find(new.text).generation == 1
    assert keys.ring.generations(key.id) == (1,)


def test_a_second_replacement_ends_the_first_secret_at_once(keys: Keys) -> None:
    key, first = keys.make()
    _, second = keys.cli.rotate(key.id, timedelta(days=1))
    _, third = keys.cli.rotate(key.id, timedelta(days=1))
    keys.ring.read()
    refused(keys, first.text)
    assert [keys.ring.find(each.text).generation for each in (third, second)] == [2, 1]


def test_revoking_a_key_ends_all_its_secrets(keys: Keys) -> None:
    key, old = keys.make()
    _, new = keys.cli.rotate(key.id, timedelta(days=1))
    keys.cli.revoke(key.id)
    keys.ring.read()
    for secret in (old, new):
        assert refused(keys, secret.text) == f"the key {key.id} is revoked"


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


class FlakyStore(KeyStore):
    """A store that tells when it is asked for its version, and fails as often as it is told to."""

    def __init__(self, file: Path, failures: int) -> None:
        super().__init__(file)
        self.failures = failures
        self.loop = asyncio.get_running_loop()
        self.asked = asyncio.Queue[None]()

    def version(self) -> int:
        self.loop.call_soon_threadsafe(self.asked.put_nowait, None)
        if self.failures:
            self.failures -= 1
            raise Unavailable("the disk is gone")
        return super().version()


async def test_a_follower_sees_what_others_write_though_it_could_not_read_for_a_while(
    keys: Keys, tmp_path: Path
) -> None:
    with FlakyStore(tmp_path / STORE_FILE, failures=3) as store, capture_logs() as lines:
        ring = KeyRing(store)
        following = asyncio.create_task(ring.follow(0.001))
        key, secret = keys.make()
        for _ in range(6):
            await store.asked.get()
        assert ring.find(secret.text).key == key
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert [line["event"] for line in lines] == ["keys_unreadable", "keys_changed"]
    assert lines[1]["active"] == 1
