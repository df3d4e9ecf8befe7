"""Keeps keys in the gateway's SQLite file, which the running gateway and `sensorium key` open side by side."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, Row, insert, select, update

from sensorium.errors import FailedPrecondition, NotFound, Reason
from sensorium.gateway.keys.secret import Secret
from sensorium.gateway.keys.tables import keys
from sensorium.model.access import KeyRole
from sensorium.model.key import Key, KeySpec, KeyState
from sensorium.storage import moments
from sensorium.storage.engine import open_engine
from sensorium.storage.format import bring_up_to_date
from sensorium.storage.sqlite_errors import sqlite_errors

STORE_FILE = "gateway.sqlite3"
MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key with the hash of its secret, and of the one before while that is kept."""

    key: Key
    digest: bytes = field(repr=False)
    previous_digest: bytes | None = field(default=None, repr=False)


class KeyStore:
    """The keys in one file, open while its context is. Its methods block; threads take turns.

    Args:
        file: The SQLite file; made when it does not exist.

    Raises (on entering):
        FailedPrecondition: FILE_UNUSABLE: a later release wrote the file.
        DataLoss: It is damaged.
        Unavailable: It cannot be opened.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._resources = ExitStack()
        self._turn = Lock()
        self._writing: Engine
        self._reading: Engine
        self._watching: Connection

    def __enter__(self) -> Self:
        with ExitStack() as resources, self._explained():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._writing = open_engine(self._file, begin="BEGIN IMMEDIATE", connections=1)
            resources.callback(self._writing.dispose)
            bring_up_to_date(self._writing, self._file, MIGRATIONS)
            self._reading = open_engine(self._file, begin="BEGIN", connections=2)
            resources.callback(self._reading.dispose)
            # SQLite tells of changes by others, and so counts them for each connection apart.
            self._watching = resources.enter_context(self._reading.connect())
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        with self._turn:
            self._resources.close()

    def create(self, spec: KeySpec) -> tuple[Key, Secret]:
        """Make a key; its secret is returned here and never again."""
        secret = Secret.mint()
        now = moments.now()
        row = {
            "id": secret.key_id,
            "digest": secret.digest(),
            "name": spec.name,
            "role": spec.role.value,
            "workspace": spec.workspace,
            "collections": list(spec.collections),
            "requests_per_minute": spec.requests_per_minute,
            "tokens_per_minute": spec.tokens_per_minute,
            "create_time": now,
            "expire_time": spec.expire_time and moments.to_micros(spec.expire_time),
            "generation": 0,
        }
        with self._turn, self._explained(), self._writing.begin() as connection:
            connection.execute(insert(keys).values(row))
        return Key(secret.key_id, spec, moments.from_micros(now)), secret

    def rotate(self, key_id: str, overlap: timedelta) -> tuple[Key, Secret]:
        """Replace the secret of a key; the one that it had is good for `overlap` yet, those before it no more.

        Raises:
            NotFound: There is no such key.
            FailedPrecondition: STATE_UNFIT: it is revoked or has expired.
        """
        secret, now = Secret.mint(key_id), moments.now()
        with self._turn, self._explained(), self._writing.begin() as connection:
            before = _stored(_row(connection, key_id))
            _check_active(before.key, moments.from_micros(now))
            replaced = {
                "digest": secret.digest(),
                "generation": before.key.generation + 1,
                "previous_digest": before.digest,
                "previous_until": now + overlap // moments.MICROSECOND,
            }
            connection.execute(update(keys).where(keys.c.id == key_id).values(replaced))
            return _stored(_row(connection, key_id)).key, secret

    def revoke(self, key_id: str) -> Key:
        """Let a key be of no use any more; the first time counts. It stays in the list. Raises NotFound."""
        with self._turn, self._explained(), self._writing.begin() as connection:
            connection.execute(
                update(keys).where(keys.c.id == key_id, keys.c.revoke_time.is_(None)).values(revoke_time=moments.now())
            )
            return _stored(_row(connection, key_id)).key

    def all(self) -> Sequence[StoredKey]:
        """Return every key, the revoked and the expired too, in the order of their making."""
        with self._turn, self._explained(), self._reading.connect() as connection:
            rows = connection.execute(select(keys).order_by(keys.c.create_time, keys.c.id)).all()
        return [_stored(row) for row in rows]

    def version(self) -> int:
        """Return a number that changes whenever another connection, of any process, has changed the file."""
        with self._turn, self._explained(), self._watching.begin():
            return int(self._watching.exec_driver_sql("PRAGMA data_version").scalar_one())

    def _explained(self) -> AbstractContextManager[None]:
        return sqlite_errors(self._file, "key store")


def _row(connection: Connection, key_id: str) -> Row[Any]:
    """Return the row of a key. Raises NotFound."""
    row = connection.execute(select(keys).where(keys.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no key {key_id!r}", field="key", metadata={"resource": key_id})
    return row


def _check_active(key: Key, now: datetime) -> None:
    state = key.state(now)
    if state is not KeyState.ACTIVE:
        message = f"the key {key.id} is {state}: make another"
        raise FailedPrecondition(message, reason=Reason.STATE_UNFIT, field="key", metadata={"state": state.value})


def _stored(row: Row[Any]) -> StoredKey:
    spec = KeySpec(
        name=row.name,
        role=KeyRole(row.role),
        expire_time=_moment(row.expire_time),
        workspace=row.workspace,
        collections=tuple(row.collections),
        requests_per_minute=row.requests_per_minute,
        tokens_per_minute=row.tokens_per_minute,
    )
    key = Key(
        id=row.id,
        spec=spec,
        create_time=moments.from_micros(row.create_time),
        revoke_time=_moment(row.revoke_time),
        generation=row.generation,
        previous_until=_moment(row.previous_until),
    )
    return StoredKey(key, row.digest, row.previous_digest)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else moments.from_micros(micros)
