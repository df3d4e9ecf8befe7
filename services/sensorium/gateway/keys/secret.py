"""The secret of a key: `sk-<id>-<secret>`, shown once and kept as a hash.

It carries 256 random bits, which nobody guesses, so a fast hash keeps it as well as a slow one would. The id is public:
it finds the key and stands in log lines.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

_FORM = re.compile(r"sk-([0-9a-f]{12})-[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret and the id that stands in it."""

    key_id: str
    text: str = field(repr=False)

    @staticmethod
    def mint(key_id: str = "") -> "Secret":
        """Return a new one, of a new key unless one is named."""
        key_id = key_id or secrets.token_hex(6)
        return Secret(key_id, f"sk-{key_id}-{secrets.token_urlsafe(32)}")

    @staticmethod
    def read(text: str) -> "Secret | None":
        """Return what `text` is; None when it has not the form of a secret."""
        match = _FORM.fullmatch(text)
        return Secret(match[1], text) if match else None

    def digest(self) -> bytes:
        """Return the hash that is kept: SHA-256."""
        return hashlib.sha256(self.text.encode()).digest()

    def matches(self, digest: bytes) -> bool:
        """Return whether this is the secret of `digest`, in a time that does not tell how near it is."""
        return hmac.compare_digest(self.digest(), digest)
