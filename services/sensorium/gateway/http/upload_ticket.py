"""Permission to upload one file or a few: signed, short-lived, bound to a key, and of a name that nobody guesses."""

import base64
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import msgspec
import orjson

from sensorium.errors import PermissionDenied
from sensorium.gateway.keys.master import MasterSecret

ROOT = "dashscope-instant"
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an upload may do.

    Attributes:
        folder: Where it puts files: `dashscope-instant/<owner>/<random>`.
        expires: When it ends, in seconds since 1970.
    """

    folder: str
    expires: int


class Tickets:
    """Makes tickets and tells good ones.

    Args:
        secret: Signs them.
        seconds: How long they are good.
        clock: Tells seconds since 1970.
    """

    def __init__(self, secret: MasterSecret, seconds: int, clock: Clock = time.time) -> None:
        self._secret = secret
        self._seconds = seconds
        self._clock = clock

    def owner(self, key_id: str) -> str:
        """Return how the names of a key's files begin; it does not tell the key."""
        return self._secret.derive("upload owner", key_id).hex()[:32]

    def issue(self, key_id: str) -> tuple[str, str, Ticket]:
        """Return a policy, its signature and the ticket that they say."""
        ticket = Ticket(f"{ROOT}/{self.owner(key_id)}/{secrets.token_hex(16)}", int(self._clock()) + self._seconds)
        policy = base64.urlsafe_b64encode(orjson.dumps(asdict(ticket))).decode("ascii").rstrip("=")
        return policy, self._signature(policy), ticket

    def read(self, policy: str, signature: str) -> Ticket:
        """Return what a policy allows. Raises PermissionDenied: it is not ours, or has expired."""
        expected = self._signature(policy)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise PermissionDenied("the upload policy is not one of this server")
        raw = base64.urlsafe_b64decode(policy + "=" * (-len(policy) % 4))
        ticket = msgspec.convert(orjson.loads(raw), Ticket)
        if ticket.expires < self._clock():
            raise PermissionDenied("the upload policy has expired")
        return ticket

    def _signature(self, policy: str) -> str:
        return self._secret.derive("upload policy", policy.replace("\0", "")).hex()
