"""Secrets are sealed with a key that its owner alone may read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.dataset.vault import KEY_FILE, Vault, opened_vault
from sensorium.errors import DataLoss, FailedPrecondition

VAULT = Vault(bytes(32))


@given(st.dictionaries(st.text(), st.text()), st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_opens_again(texts: dict[str, str], owner: str) -> None:
    assert VAULT.open(VAULT.seal(texts, owner), owner) == texts


def test_a_seal_is_of_one_owner_and_one_key() -> None:
    sealed = VAULT.seal({"password": "secret"}, "a")
    assert b"secret" not in sealed
    for vault, owner in ((VAULT, "b"), (Vault(b"1" * 32), "a")):
        with pytest.raises(DataLoss, match=r"cannot be decrypted"):
            vault.open(sealed, owner)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_seal_are_damage(sealed: bytes) -> None:
    with pytest.raises(DataLoss):
        VAULT.open(sealed, "a")


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    sealed = opened_vault(tmp_path / KEY_FILE).seal({"a": "b"}, "me")
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert opened_vault(tmp_path / KEY_FILE).open(sealed, "me") == {"a": "b"}
    assert [each.name for each in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    opened_vault(tmp_path / KEY_FILE)
    (tmp_path / KEY_FILE).chmod(0o640)
    with pytest.raises(FailedPrecondition, match="may be read by others"):
        opened_vault(tmp_path / KEY_FILE)


def test_a_key_of_another_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).touch(0o600)
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(FailedPrecondition, match="5 bytes"):
        opened_vault(tmp_path / KEY_FILE)
