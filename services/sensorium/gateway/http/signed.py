"""Keys as Volcengine's clients show them: by a signature, or in the newer SDK by a bearer token."""

from collections.abc import Callable
from datetime import UTC, datetime

from sensorium.errors import Unauthenticated
from sensorium.gateway.http.call import Arrival
from sensorium.gateway.http.signature import Signature
from sensorium.gateway.http.tokens import TokenCredentials
from sensorium.gateway.keys.master import MasterSecret
from sensorium.model.access import Rule
from sensorium.ports import Guard, Permit

Now = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SignedCredentials:
    """Satisfies `Credentials`. The access key is a key's id; its secret key is derived, and shown by `sensorium key`.

    Args:
        secret: Derives secret keys.
        skew_seconds: How far the clocks of callers may be off, and so how long a request can be repeated.
        now: Tells the time.
    """

    def __init__(self, secret: MasterSecret, skew_seconds: int, now: Now = _utc_now) -> None:
        self._secret = secret
        self._skew_seconds = skew_seconds
        self._now = now
        self._tokens = TokenCredentials()

    def admit(self, guard: Guard, rule: Rule, arrival: Arrival) -> Permit:
        """Let a request begin that names a good key. Raises Unauthenticated and PermissionDenied."""
        shown = arrival.headers.get("authorization")
        if shown is None or _is_token(shown):
            return self._tokens.admit(guard, rule, arrival)
        return guard.admit_signer(rule, Signature.read(shown).access_key)

    def verify(self, permit: Permit, arrival: Arrival, body: bytes) -> None:
        """Check the signature of a request that named a key. Raises Unauthenticated."""
        shown = arrival.headers.get("authorization", "")
        if not permit.key_id or _is_token(shown):
            return
        claim = Signature.read(shown)
        if claim.access_key != permit.key_id:
            raise Unauthenticated("the signature is another key's")
        claim.check_time(arrival, self._now(), self._skew_seconds)
        secrets = [self._secret.signing_secret(permit.key_id, generation) for generation in permit.generations]
        claim.check(arrival, body, secrets)


def _is_token(shown: str) -> bool:
    return shown.lower().startswith("bearer ")
