"""Fixtures that several kinds of tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from key_ring import Keys, ring_over
from migrated_once import MigratedOnce
from postgres_server import PostgresServer, postgres_server

from sensorium.gateway.keys.store import STORE_FILE, KeyStore
from sensorium.storage import format as storage_format


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


@pytest.fixture(scope="session", autouse=True)
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        stand_in = MigratedOnce(storage_format._migrate, tmp_path_factory.mktemp("migrated"))
        patch.setattr(storage_format, "_migrate", stand_in)
        yield
