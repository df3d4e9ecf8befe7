"""The secret of a gateway's own, from which everything is derived that it signs; replicas share it with the keys."""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from sensorium.errors import FailedPrecondition, Unavailable

MASTER_FILE = "gateway.secret"
_BYTES = 32


class MasterSecret:
    """Derives secrets for one purpose each (HMAC-SHA256).

    Args:
        secret: 256 random bits.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def signing_secret(self, key_id: str, generation: int = 0) -> str:
        """Return the secret key of a key, for clients that sign instead of showing it; each generation has its own."""
        replaced = (str(generation),) if generation else ()
        return self.derive("signing secret", key_id, *replaced).hex()

    def derive(self, purpose: str, *parts: str) -> bytes:
        """Return the 32 bytes for `purpose` and what it is about; parts may hold anything but NUL."""
        return hmac.digest(self._secret, "\0".join((purpose, *parts)).encode(), hashlib.sha256)


def master_secret(folder: Path) -> MasterSecret:
    """Return the secret in `folder`, made when there is none; nobody but its owner may read the file.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: the file holds something else.
        Unavailable: It cannot be read or made.
    """
    file = folder / MASTER_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        secret = _made(file) if not file.exists() else file.read_bytes()
    except OSError as error:
        raise Unavailable(f"{file}: {error}", metadata={"backend": "key store"}) from error
    if len(secret) != _BYTES:
        raise FailedPrecondition(f"{file} does not hold {_BYTES} bytes", metadata={"file": str(file)})
    return MasterSecret(secret)


def _made(file: Path) -> bytes:
    """Return the secret that is in `file` from now on: of several processes that make one, the first does."""
    partial = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(partial, file)
    finally:
        partial.unlink()
    return file.read_bytes()
