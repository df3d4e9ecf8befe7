"""The keys in memory, as every call needs them, kept level with the file that `sensorium key` changes."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from sensorium.errors import Unauthenticated
from sensorium.gateway.keys.rates import Clock, Meter
from sensorium.gateway.keys.secret import Secret
from sensorium.gateway.keys.store import KeyStore, StoredKey
from sensorium.model.key import Key, KeyState

Now = Callable[[], datetime]

_log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key in memory by one of its secrets, and what it has left, which its secrets share.

    Attributes:
        key: The key.
        meter: What it has left.
        digest: The hash of the secret.
        generation: How many secrets it had before this one.
        until: Until when the secret is good; None for as long as the key.
    """

    key: Key
    meter: Meter
    digest: bytes = field(repr=False)
    generation: int = 0
    until: datetime | None = None


class KeyRing:
    """All keys.

    Args:
        store: Where they are kept; open for as long as the ring is used.
        clock: Tells seconds, for rates.
        now: Tells the time, for expiry.
    """

    def __init__(self, store: KeyStore, *, clock: Clock = time.monotonic, now: Now = _utc_now) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._held: dict[str, tuple[HeldKey, ...]] = {}  # By id; the latest secret first.
        self._version = -1

    def __bool__(self) -> bool:
        """Return whether there is a key, be it revoked or expired: whoever had one does not want open doors."""
        return bool(self._held)

    def find(self, shown: str) -> HeldKey:
        """Return the key whose secret is `shown`.

        Raises:
            Unauthenticated: It is none, or the key was revoked or has expired.
        """
        secret = Secret.read(shown)
        known = self._held.get(secret.key_id, ()) if secret else ()
        held = next((each for each in known if secret and secret.matches(each.digest)), None)
        if held is None:
            raise Unauthenticated("the key is not one of this mesh")
        self.check(held)
        return held

    def named(self, key_id: str) -> HeldKey:
        """Return the key of an id, which proves nothing. Raises Unauthenticated: there is none, or it is no good."""
        known = self._held.get(key_id)
        if not known:
            raise Unauthenticated("the key is not one of this mesh")
        self.check(known[0])
        return known[0]

    def generations(self, key_id: str) -> tuple[int, ...]:
        """Return the generations of a key whose secrets are good now, the latest first."""
        now = self._now()
        return tuple(each.generation for each in self._held.get(key_id, ()) if _lasts(each, now))

    def check(self, held: HeldKey) -> None:
        """Raise Unauthenticated when a key that was found before is no good any more, or its secret is not."""
        known, now = self._held.get(held.key.id, (held,)), self._now()
        state = known[0].key.state(now)
        if state is not KeyState.ACTIVE:
            raise Unauthenticated(f"the key {held.key.id} is {state}")
        if not any(each.generation == held.generation and _lasts(each, now) for each in known):
            raise Unauthenticated(f"the key {held.key.id} has another secret now")

    def meters(self) -> Sequence[tuple[str, Meter]]:
        """Return what every key has left, by its id."""
        return [(key_id, known[0].meter) for key_id, known in self._held.items()]

    def read(self) -> bool:
        """Bring the ring level with the store, and return whether that changed; what was used up stays so. Blocks."""
        version = self._store.version()
        if version == self._version:
            return False
        # Replaced as one: calls look into it meanwhile, in another thread.
        self._held = {stored.key.id: self._hold(stored) for stored in self._store.all()}
        self._version = version
        return True

    async def follow(self, every_seconds: float) -> None:
        """Read whenever the store has changed, until cancelled. What cannot be read leaves the keys as they are."""
        readable = True
        while True:
            await asyncio.sleep(every_seconds)
            try:
                if await asyncio.to_thread(self.read):
                    _log.info("keys_changed", **self._counts())
            except Exception as error:  # Whatever it is, a revocation must be seen once it has passed.
                if readable:
                    _log.error("keys_unreadable", exc_info=error)
                readable = False
            else:
                readable = True

    def _counts(self) -> dict[str, int]:
        now = self._now()
        states = [known[0].key.state(now) for known in self._held.values()]
        return {state.value: states.count(state) for state in KeyState}

    def _hold(self, stored: StoredKey) -> tuple[HeldKey, ...]:
        key, before = stored.key, self._held.get(stored.key.id)
        meter = before[0].meter if before else Meter(key.spec, self._clock)
        latest = HeldKey(key, meter, stored.digest, key.generation)
        if stored.previous_digest is None:
            return (latest,)
        return (latest, HeldKey(key, meter, stored.previous_digest, key.generation - 1, key.previous_until))


def _lasts(held: HeldKey, now: datetime) -> bool:
    return held.until is None or now < held.until


@contextmanager
def opened_ring(store: KeyStore) -> Iterator[KeyRing]:
    """Give the keys of a store, read, for the body."""
    with store:
        ring = KeyRing(store)
        ring.read()
        yield ring
