"""Fixtures that several kinds of tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from key_ring import Keys, ring_over
from postgres_server import PostgresServer, postgres_server

from sensorium.gateway.keys.store import STORE_FILE, KeyStore


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    file = tmp_path / STORE_FILE
    with KeyStore(file) as gateway:
        made = ring_over(gateway, file)
        with made.cli:
            yield made


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server
