"""Tickets and stored files: signed, in time, in their folder, within their room, and gone after their time."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
)
from sensorium.gateway.http.upload_store import UploadStore
from sensorium.gateway.http.upload_ticket import ROOT, Tickets
from sensorium.gateway.keys.master import MASTER_FILE, MasterSecret, master_secret
from sensorium.settings import UploadSettings

NOW = 1_800_000_000.0
SECRET = MasterSecret(bytes(32))
OWNER = "0" * 32
KEY = f"{ROOT}/{OWNER}/{'1' * 32}/a.png"


class Clock:
    seconds = NOW

    def __call__(self) -> float:
        return self.seconds


def store(folder: Path, clock: Callable[[], float], **limits: int) -> UploadStore:
    return UploadStore(folder / "uploads", UploadSettings(**limits), clock)


def test_a_ticket_is_read_until_it_expires() -> None:
    clock = Clock()
    tickets = Tickets(SECRET, 300, clock)
    policy, signature, ticket = tickets.issue("key")
    assert tickets.read(policy, signature) == ticket
    clock.seconds += 301
    with pytest.raises(PermissionDenied, match="expired"):
        tickets.read(policy, signature)


def test_tickets_of_a_key_share_an_owner_and_nothing_else() -> None:
    tickets = Tickets(SECRET, 300, Clock())
    first, second, other = (tickets.issue(key)[2].folder.split("/") for key in ("a", "a", "b"))
    assert first[:2] == second[:2] != other[:2]
    assert first[2] != second[2]
    assert tickets.owner("a") != Tickets(MasterSecret(bytes(31) + b"1"), 300).owner("a")


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_other_ticket_is_good(policy: str, signature: str) -> None:
    with pytest.raises(PermissionDenied):
        Tickets(SECRET, 300, Clock()).read(policy, signature)


def test_a_file_is_kept_once_and_for_its_time(tmp_path: Path) -> None:
    clock = Clock()
    files = store(tmp_path, clock, keep_seconds=60)
    files.keep(KEY, b"first")
    assert files.read(KEY) == b"first"
    with pytest.raises(AlreadyExists):
        files.keep(KEY, b"second")
    clock.seconds += 61
    with pytest.raises(NotFound):
        files.read(KEY)
    files.keep(f"{KEY}2", b"other")
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 1


def test_files_have_a_size_and_a_key_has_room(tmp_path: Path) -> None:
    files = store(tmp_path, Clock(), max_file_bytes=10, max_key_bytes=15)
    with pytest.raises(InvalidArgument, match="11 bytes, the limit is 10"):
        files.keep(KEY, b"x" * 11)
    files.keep(KEY, b"x" * 10)
    with pytest.raises(ResourceExhausted, match="may have 15"):
        files.keep(f"{KEY}2", b"x" * 10)


@given(st.text(max_size=40) | st.from_regex(rf"{ROOT}/[0-9a-f./]{{0,40}}/.{{0,40}}/.{{0,40}}", fullmatch=True))
def test_no_name_leads_out_of_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("store")
    files = store(folder, Clock())
    try:
        files.keep(name, b"x")
    except InvalidArgument:
        assert list(folder.iterdir()) == []
        return
    (kept,) = [file for file in folder.rglob("*") if file.is_file()]
    assert kept.parent.parent == folder / "uploads"


def test_the_secret_of_a_gateway_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first, again = master_secret(tmp_path), master_secret(tmp_path)
    assert first.derive("purpose", "x") == again.derive("purpose", "x") != again.derive("purpose", "y")
    assert stat.S_IMODE((tmp_path / MASTER_FILE).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [MASTER_FILE]


def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / MASTER_FILE).write_bytes(b"short")
    with pytest.raises(FailedPrecondition, match="32 bytes"):
        master_secret(tmp_path)
