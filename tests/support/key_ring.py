"""Keys of a test's own: a store in a folder, a ring over it, and clocks that stand still."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sensorium.gateway.keys.ring import KeyRing
from sensorium.gateway.keys.secret import Secret
from sensorium.gateway.keys.store import KeyStore
from sensorium.model.access import KeyRole
from sensorium.model.key import Key, KeySpec


@dataclass
class Clock:
    """A clock that a test moves."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Calendar:
    """The same for the date."""

    today: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.today


@dataclass
class Keys:
    """A store, as `sensorium key` has it, and a ring over another connection, as a gateway has it."""

    cli: KeyStore
    ring: KeyRing
    clock: Clock
    calendar: Calendar

    def make(self, role: KeyRole = KeyRole.READ, **spec: Any) -> tuple[Key, Secret]:
        """Make a key that the ring knows."""
        made = self.cli.create(KeySpec(role.value, role, **spec))
        self.ring.read()
        return made

    def header(self, role: KeyRole = KeyRole.READ, **spec: Any) -> dict[str, str]:
        """Make a key and return what to show of it."""
        return bearer(self.make(role, **spec)[1])


def bearer(secret: Secret) -> dict[str, str]:
    return {"authorization": f"Bearer {secret.text}"}


def ring_over(gateway: KeyStore, file: Path) -> Keys:
    """Return keys in `file`; `gateway` is a store on it that is open, and so must be the one that is made here."""
    clock, calendar = Clock(), Calendar()
    ring = KeyRing(gateway, clock=clock, now=calendar)
    ring.read()
    return Keys(KeyStore(file), ring, clock, calendar)
