"""Keys are kept without their secrets, for whoever opens the file."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from key_ring import Keys

from sensorium.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound, Reason, Unavailable
from sensorium.gateway.keys.store import STORE_FILE, KeyStore
from sensorium.gateway.keys.tables import metadata
from sensorium.model.access import KeyRole
from sensorium.model.key import KeySpec
from sensorium.storage.engine import open_engine

SPEC = KeySpec(
    "the shop's",
    KeyRole.WRITE,
    expire_time=datetime(2030, 1, 1, tzinfo=UTC),
    workspace="acme",
    collections=("garage", "shed-*"),
    requests_per_minute=60,
    tokens_per_minute=120_000,
)


def test_a_key_comes_back_as_it_was_made(tmp_path: Path) -> None:
    with KeyStore(tmp_path / STORE_FILE) as store:
        made, secret = store.create(SPEC)
    with KeyStore(tmp_path / STORE_FILE) as store:
        (stored,) = store.all()
    assert stored.key == made
    assert stored.key.spec == SPEC
    assert secret.matches(stored.digest)


def test_the_secret_is_not_in_the_file_nor_in_a_repr(tmp_path: Path) -> None:
    with KeyStore(tmp_path / STORE_FILE) as store:
        _, secret = store.create(SPEC)
        (stored,) = store.all()
        private = secret.text[len("sk-0123456789ab-") :]
        assert private not in repr(secret) + repr(stored)
        assert all(private.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_revoked_key_stays_in_the_list_with_the_first_time(keys: Keys) -> None:
    key, _ = keys.make()
    first = keys.cli.revoke(key.id)
    assert first.revoke_time
    assert keys.cli.revoke(key.id) == first
    assert [stored.key for stored in keys.cli.all()] == [first]


def test_a_rotated_key_keeps_all_but_its_secret(keys: Keys) -> None:
    key, old = keys.cli.create(SPEC)
    rotated, new = keys.cli.rotate(key.id, timedelta(hours=1))
    (stored,) = keys.cli.all()
    assert (rotated.id, rotated.spec, rotated.create_time, rotated.generation) == (key.id, SPEC, key.create_time, 1)
    assert (new.key_id, new.text == old.text) == (key.id, False)
    assert new.matches(stored.digest)
    assert stored.previous_digest is not None
    assert old.matches(stored.previous_digest)
    assert stored.key == rotated


def test_a_key_that_is_no_good_or_not_there_is_not_rotated(keys: Keys) -> None:
    key, _ = keys.make()
    keys.cli.revoke(key.id)
    with pytest.raises(FailedPrecondition) as raised:
        keys.cli.rotate(key.id, timedelta())
    assert (raised.value.reason, raised.value.metadata) == (Reason.STATE_UNFIT, {"state": "revoked"})
    with pytest.raises(NotFound, match="no key"):
        keys.cli.rotate("0" * 12, timedelta())


def test_a_key_that_is_not_there_cannot_be_revoked(keys: Keys) -> None:
    with pytest.raises(NotFound, match="no key"):
        keys.cli.revoke("0" * 12)


def test_the_version_changes_when_another_connection_writes_and_only_then(keys: Keys, tmp_path: Path) -> None:
    with KeyStore(tmp_path / STORE_FILE) as other:
        before = other.version()
        other.all()
        keys.cli.all()
        assert other.version() == before
        keys.make()
        assert other.version() != before


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    file = tmp_path / STORE_FILE
    with KeyStore(file):
        engine = open_engine(file, begin="BEGIN", connections=1)
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        engine.dispose()


def test_a_file_of_a_later_release_is_refused(tmp_path: Path) -> None:
    with KeyStore(tmp_path / STORE_FILE):
        pass
    connection = sqlite3.connect(tmp_path / STORE_FILE)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(FailedPrecondition, match="9999"), KeyStore(tmp_path / STORE_FILE):
        pass


def test_a_damaged_file_is_reported_as_such(tmp_path: Path) -> None:
    (tmp_path / STORE_FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(DataLoss), KeyStore(tmp_path / STORE_FILE):
        pass


def test_a_folder_that_cannot_be_made_is_reported_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable), KeyStore(tmp_path / "file" / STORE_FILE):
        pass


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 129),
        ("name", "a\nb"),
        ("workspace", "No"),
        ("collections", ("Garage",)),
        ("collections", ("*",)),
        ("collections", ("a*b",)),
        ("requests_per_minute", -1),
        ("tokens_per_minute", 1 << 60),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_with_its_field(field: str, value: object) -> None:
    fields = {"name": "x", "role": KeyRole.READ, "workspace": "acme", field: value}
    with pytest.raises(InvalidArgument) as raised:
        KeySpec(**fields)  # type: ignore[arg-type]
    assert raised.value.field == field


def test_collections_without_a_workspace_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="workspace"):
        KeySpec("x", KeyRole.READ, collections=("garage",))
