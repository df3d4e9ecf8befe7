"""Keeps the levels that gateways share in an SQLite file of its own, for keys are read again whenever theirs changes.

It need not survive a power cut, so commits do not wait for the disk.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self
from uuid import uuid4

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from sensorium.gateway.rates.tables import buckets, gateways
from sensorium.storage import moments
from sensorium.storage.engine import open_engine
from sensorium.storage.format import bring_up_to_date
from sensorium.storage.sqlite_errors import sqlite_errors

STORE_FILE = "rates.sqlite3"
MIGRATIONS = Path(__file__).parent / "migrations"
SILENT_MICROS = 3_000_000  # A gateway that told nothing for so long is gone.

_IDLE = 4  # An idle gateway's share is so many times smaller.

Place = tuple[str, str]  # The key's id, and the unit: requests or tokens.


@dataclass(frozen=True, slots=True)
class Charge:
    """What a gateway let pass of one rate since it last told.

    Attributes:
        place: Of which.
        per_minute: The rate.
        amount: How much.
        share: Its share until now, of which nobody else could take.
    """

    place: Place
    per_minute: int
    amount: float
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Grant:
    """What a gateway may go on from.

    Attributes:
        level: What is left but for the shares of others; below 0 where something is owed.
        share: What of it is for this gateway alone until it tells again: whole units, none where nobody else is there.
    """

    level: float
    share: float


@dataclass(frozen=True, slots=True)
class Grants:
    """What all gateways have left.

    Attributes:
        by_place: What this gateway gets of it.
        gateway_count: How many gateways there are.
    """

    by_place: Mapping[Place, Grant]
    gateway_count: int


class RateStore:
    """The levels in one file, open while its context is. Its methods block; threads take turns.

    Args:
        file: The SQLite file; made when it does not exist.
        now: Tells the microseconds since 1970.

    Raises (on entering):
        FailedPrecondition: FILE_UNUSABLE: a later release wrote the file.
        DataLoss: It is damaged.
        Unavailable: It cannot be opened.
    """

    def __init__(self, file: Path, now: Callable[[], int] = moments.now) -> None:
        self._file = file
        self._now = now
        self._id = uuid4().hex
        self._resources = ExitStack()
        self._turn = Lock()
        self._engine: Engine

    def __enter__(self) -> Self:
        with ExitStack() as resources, self._explained():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._engine = open_engine(self._file, begin="BEGIN IMMEDIATE", connections=1, synchronous="OFF")
            resources.callback(self._engine.dispose)
            bring_up_to_date(self._engine, self._file, MIGRATIONS)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        with self._turn:
            self._resources.close()

    def exchange(self, charges: Sequence[Charge]) -> Grants:
        """Tell what this gateway let pass, all or nothing, and learn what it may go on from."""
        now = self._now()
        with self._turn, self._explained(), self._engine.begin() as connection:
            self._greet(connection, now)
            count = connection.execute(select(func.count()).select_from(gateways)).scalar_one()
            levels = _levels(connection, charges, now)
            grants = {charge.place: _grant(charge, levels[charge.place], count) for charge in charges}
            _keep(connection, charges, grants, now)
        return Grants(grants, count)

    def leave(self, charges: Sequence[Charge]) -> None:
        """Tell what this gateway let pass, give its shares back, and tell the others that it is gone."""
        now = self._now()
        with self._turn, self._explained(), self._engine.begin() as connection:
            connection.execute(delete(gateways).where(gateways.c.id == self._id))
            levels = _levels(connection, charges, now)
            _keep(connection, charges, {place: Grant(level, 0.0) for place, level in levels.items()}, now)

    def _greet(self, connection: Connection, now: int) -> None:
        """Note that this gateway is there, and forget those that are not."""
        given = insert(gateways).values(id=self._id, seen_time=now)
        connection.execute(given.on_conflict_do_update(["id"], set_={"seen_time": now}))
        connection.execute(delete(gateways).where(~gateways.c.seen_time.between(now - SILENT_MICROS, now)))

    def _explained(self) -> AbstractContextManager[None]:
        return sqlite_errors(self._file, "rate store")


def _levels(connection: Connection, charges: Sequence[Charge], now: int) -> dict[Place, float]:
    """Return what is left after the charges, with the shares given back; a bucket that nobody used is full."""
    rows = connection.execute(select(buckets)).all()
    kept = {(row.key_id, row.unit): (row.level, row.filled_time) for row in rows}
    levels = {}
    for charge in charges:
        level, filled = kept.get(charge.place, (float(charge.per_minute), now))
        came = max(0, now - filled) * charge.per_minute / 60e6  # A clock that was set back fills nothing.
        levels[charge.place] = min(charge.per_minute, level + charge.share + came) - charge.amount
    return levels


def _grant(charge: Charge, level: float, gateway_count: int) -> Grant:
    """Divide what is left: a gateway that has let nothing pass since it told gets less, so that others can have it."""
    if gateway_count == 1:
        return Grant(level, 0.0)
    parts = gateway_count if charge.amount else gateway_count * _IDLE
    return Grant(level, float(max(0.0, level) // parts))


def _keep(connection: Connection, charges: Sequence[Charge], grants: Mapping[Place, Grant], now: int) -> None:
    """Write down what is left for others, where that is not what time has made of it."""
    told = [
        {"key_id": place[0], "unit": place[1], "level": grants[place].level - grants[place].share, "filled_time": now}
        for charge in charges
        if (place := charge.place) and (charge.amount or charge.share != grants[place].share)
    ]
    if told:
        given = insert(buckets)
        changed = {"level": given.excluded.level, "filled_time": given.excluded.filled_time}
        connection.execute(given.on_conflict_do_update(["key_id", "unit"], set_=changed), told)
