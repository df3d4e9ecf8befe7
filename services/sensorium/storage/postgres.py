"""The database of many processes: PostgreSQL, with what lets statements mean there what they mean on SQLite.

Write transactions take one advisory lock as they begin, so that of all processes one writes at a time: what a change
reads is still so when it writes, and numbers are given in the order of commits. Readers wait for nobody.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from sensorium.errors import FailedPrecondition, InvalidArgument

DRIVER = "postgresql+psycopg"
# A process that stops within a transaction is cut off, so that the others can write.
WRITER_OPTIONS = "-c lock_timeout=30s -c idle_in_transaction_session_timeout=60s"
# Locales whose order is that of UTF-8's bytes, as all of PostgreSQL's own provider are.
BYTEWISE = frozenset({"C", "POSIX", "C.UTF-8", "C.utf8"})
_WRITE = "write"
_DISK_FULL = "53100"  # https://www.postgresql.org/docs/current/errcodes-appendix.html


class Postgres:
    """Implements `Database`.

    Args:
        url: `postgresql+psycopg://user:password@host/database`. The database must sort texts by their bytes.
        worker: The name of this process among those that share it.

    Raises:
        InvalidArgument: It is no such URL.
    """

    def __init__(self, url: str, worker: str) -> None:
        self._url = parsed(url)
        self._worker = worker
        # Whoever reserves a task has a connection of their own for as long as they do it.
        self._reserving = create_engine(self._url, poolclass=NullPool)

    @property
    def place(self) -> str:
        """The URL without its password."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Keep off who has the name of this process: the lock ends with its connection, however that ends.

        Raises:
            FailedPrecondition: FILE_UNUSABLE, when another process has it.
        """
        engine = self._engine(1, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                number = {"number": _number(f"worker {self._worker}")}
                if not connection.execute(text("SELECT pg_try_advisory_lock(:number)"), number).scalar_one():
                    raise FailedPrecondition(
                        f"another process named {self._worker} works on {self.place}: set SENSORIUM_DATASET__WORKER",
                        metadata={"file": self.place},
                    )
                yield
                # The server notices a connection's end a moment later: who starts again at once would find it locked.
                with suppress(DBAPIError):
                    connection.execute(text("SELECT pg_advisory_unlock(:number)"), number)
        finally:
            engine.dispose()

    def writing(self) -> Engine:
        """Return an engine with one connection, whose transactions are alone of all processes'."""
        # Each statement sees what was committed before it; a snapshot would be older than the lock.
        engine = self._engine(1, isolation_level="READ COMMITTED", connect_args={"options": WRITER_OPTIONS})

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _number(_WRITE)})

        try:
            _check_sorting(engine, self.place)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def reading(self, connections: int) -> Engine:
        """Return an engine whose transactions see one moment of the database."""
        return self._engine(connections, isolation_level="REPEATABLE READ").execution_options(postgresql_readonly=True)

    def check_space(self) -> None:
        """Refuse nothing: the room of a server is not known here."""

    def is_full(self, error: OperationalError) -> bool:
        """Return whether the disk of the server is full."""
        return getattr(error.orig, "sqlstate", None) == _DISK_FULL

    @contextmanager
    def reserved(self, task: str, /) -> Iterator[bool]:
        """Give whether `task` is this process's during the body."""
        with self._reserving.connect() as connection:
            locked = connection.execute(
                text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": _number(task)}
            ).scalar_one()
            yield bool(locked)

    def _engine(self, connections: int, **options: object) -> Engine:
        return create_engine(self._url, pool_size=connections, max_overflow=0, pool_pre_ping=True, **options)


def parsed(url: str) -> URL:
    """Return the parts of a URL of PostgreSQL.

    Raises:
        InvalidArgument: It is none; the message does not repeat it, for it may hold a password.
    """
    try:
        found = make_url(url)
    except ArgumentError:
        raise _no_url() from None
    if found.drivername != DRIVER or not found.database:
        raise _no_url()
    return found


def _no_url() -> InvalidArgument:
    return InvalidArgument(
        f"dataset.database_url: it is not {DRIVER}://user:password@host/database", field="dataset.database_url"
    )


def _number(task: str) -> int:
    """Return the number of the advisory lock of a task: 64 bits, with a sign."""
    return int.from_bytes(hashlib.blake2b(f"sensorium {task}".encode(), digest_size=8).digest(), "big", signed=True)


def _check_sorting(engine: Engine, place: str) -> None:
    """Refuse a database that sorts texts by a language: pages and comparisons would differ from SQLite's."""
    sorting = text("SELECT datlocprovider, datcollate FROM pg_database WHERE datname = current_database()")
    with engine.connect() as connection:
        provider, collation = connection.execute(sorting).one()
    if provider != "b" and (provider != "c" or collation not in BYTEWISE):
        raise FailedPrecondition(
            f"{place} sorts texts by a language, not by their bytes: CREATE DATABASE … TEMPLATE template0 "
            "LC_COLLATE 'C' LC_CTYPE 'C' makes one that does",
            metadata={"file": place},
        )
