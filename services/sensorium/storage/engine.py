"""Opens the database of a store, with what SQLite needs to be durable and concurrent."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

# Readers never wait for the writer.
PRAGMAS = ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=10000", "cache_size=-32768")


def open_engine(file: Path, *, begin: str, connections: int, synchronous: Literal["FULL", "OFF"] = "FULL") -> Engine:
    """Return an engine on the SQLite `file` that holds at most `connections`.

    `begin` opens every transaction: `BEGIN` for readers, whose snapshot then lasts over several statements, and
    `BEGIN IMMEDIATE` for the writer. A commit returns when the write-ahead log is on the disk, unless `synchronous` is
    `OFF`.
    """
    engine = create_engine(f"sqlite:///{file}", pool_size=connections, max_overflow=0)

    @event.listens_for(engine, "connect")
    def _configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        try:
            _apply_pragmas(connection, (*PRAGMAS, f"synchronous={synchronous}"))
        except BaseException:  # The pool does not know it yet, so nobody else would close it.
            connection.close()
            raise

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _apply_pragmas(connection: DBAPIConnection, pragmas: Iterable[str]) -> None:
    # The driver would open transactions by itself, and only before some statements.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
