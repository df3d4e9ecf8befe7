"""Encrypts the secrets of connections with a key that stands in a file of its own."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sensorium.errors import DataLoss, FailedPrecondition

KEY_FILE = "dataset.key"
KEY_BYTES = 32
NONCE_BYTES = 12


class Vault:
    """Seals texts by name with AES-256-GCM (NIST SP 800-38D); each seal is bound to whose it is.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, texts: Mapping[str, str], owner: str) -> bytes:
        """Return `texts` encrypted: a nonce of 12 bytes, then the text and its tag."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, json.dumps(dict(texts)).encode(), owner.encode())

    def open(self, sealed: bytes, owner: str) -> dict[str, str]:
        """Return what was sealed for `owner`.

        Raises:
            DataLoss: It was sealed with another key, for another owner, or is damaged.
        """
        try:
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner.encode())
        except (InvalidTag, ValueError):
            raise DataLoss(
                f"the secrets of {owner} cannot be decrypted: {KEY_FILE} is not the key that they were encrypted with",
                metadata={"file": KEY_FILE},
            ) from None
        texts: dict[str, str] = json.loads(plain)
        return texts


def opened_vault(file: Path) -> Vault:
    """Return the vault whose key is in `file`; it is made when there is none, for its owner's eyes alone.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: the key cannot be read or made, is of another length, or others may read it.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _make_key(file)
        _check_mode(file)
        key = file.read_bytes()
    except OSError as error:
        raise _unusable(file, f"cannot be read: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise _unusable(file, f"has {len(key)} bytes, a key has {KEY_BYTES}")
    return Vault(key)


def _make_key(file: Path) -> None:
    """Make the key whole or not at all; another process that makes it at the same time wins or loses as a whole."""
    scratch = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secrets.token_bytes(KEY_BYTES))
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(scratch, file)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()


def _check_mode(file: Path) -> None:
    if file.stat().st_mode & 0o077:
        raise _unusable(file, "may be read by others: chmod 600")


def _unusable(file: Path, why: str) -> FailedPrecondition:
    return FailedPrecondition(f"{file} {why}", metadata={"file": str(file)})
