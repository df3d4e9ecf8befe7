"""Volcengine's signature, version 4: HMAC-SHA256 over a canonical form of the request, bound to a day and a place.

The form is that of AWS's version 4 with Volcengine's own headers and names; see the vendor's guide to signing.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from sensorium.errors import Unauthenticated
from sensorium.gateway.http.call import Arrival

ALGORITHM = "HMAC-SHA256"

_AUTHORIZATION = re.compile(
    r"HMAC-SHA256 Credential=([^/,\s]{1,128})/(\d{8})/([A-Za-z0-9_-]{1,64})/([A-Za-z0-9_-]{1,64})/request,\s*"
    r"SignedHeaders=([a-z0-9;-]{1,1024}),\s*Signature=([0-9a-f]{64})"
)
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_UNRESERVED = "-_.~"
_DEFAULT_PORTS = (":80", ":443")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request's `authorization` claims.

    Attributes:
        access_key: Whose it is.
        day: `yyyymmdd`.
        region: As the client was configured; ours is any.
        service: `air` or `vikingdb`.
        headers: Names of the headers that are signed.
        value: 64 hex digits.
    """

    access_key: str
    day: str
    region: str
    service: str
    headers: tuple[str, ...]
    value: str

    @staticmethod
    def read(authorization: str) -> "Signature":
        """Return what a header claims. Raises Unauthenticated."""
        match = _AUTHORIZATION.fullmatch(authorization.strip())
        if match is None:
            raise Unauthenticated(f"`authorization` is not `{ALGORITHM} Credential=…, SignedHeaders=…, Signature=…`")
        return Signature(match[1], match[2], match[3], match[4], tuple(match[5].split(";")), match[6])

    def check_time(self, arrival: Arrival, now: datetime, skew_seconds: int) -> datetime:
        """Return when the request was signed. Raises Unauthenticated: that is too long ago, or to come."""
        stamp = arrival.headers.get("x-date", "")
        try:
            signed = datetime.strptime(stamp, _DATE_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            raise Unauthenticated("`x-date` is not like 20260131T235959Z") from None
        if abs((now - signed).total_seconds()) > skew_seconds:
            raise Unauthenticated(f"the request was signed at {stamp}, more than {skew_seconds} s from our time")
        if not stamp.startswith(self.day):
            raise Unauthenticated("the day of the credential is not that of `x-date`")
        return signed

    def check(self, arrival: Arrival, body: bytes, secrets: Sequence[str]) -> None:
        """Raise Unauthenticated when none of `secrets` signs this request so, or not all is signed that must be."""
        digest = hashlib.sha256(body).hexdigest()
        if not {"x-date", "x-content-sha256"} <= set(self.headers):
            raise Unauthenticated("x-date and x-content-sha256 must be signed")
        if not hmac.compare_digest(arrival.headers.get("x-content-sha256", "").encode("latin-1"), digest.encode()):
            raise Unauthenticated("`x-content-sha256` is not the hash of the body")
        if not any(hmac.compare_digest(sign(arrival, self, digest, secret), self.value) for secret in secrets):
            raise Unauthenticated("the signature is not that of the request and its secret key")


def sign(arrival: Arrival, claim: Signature, body_digest: str, secret: str) -> str:
    """Return the signature of a request in 64 hex digits."""
    canonical = "\n".join(
        (
            arrival.method,
            quote(arrival.path_as_sent or "/", safe=f"/{_UNRESERVED}"),
            canonical_query(arrival.query_string),
            *(f"{name}:{_header(arrival, name)}" for name in claim.headers),
            "",
            ";".join(claim.headers),
            body_digest,
        )
    )
    scope = f"{claim.day}/{claim.region}/{claim.service}/request"
    text = "\n".join((ALGORITHM, arrival.headers.get("x-date", ""), scope, _sha256(canonical)))
    key = secret.encode()
    for part in (claim.day, claim.region, claim.service, "request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return hmac.digest(key, text.encode(), hashlib.sha256).hex()


def canonical_query(query: str) -> str:
    """Return a query with its parameters sorted and percent-encoded anew (RFC 3986), whatever the wire has."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return "&".join(
        sorted(f"{quote(name, safe=_UNRESERVED)}={quote(value, safe=_UNRESERVED)}" for name, value in pairs)
    )


def _header(arrival: Arrival, name: str) -> str:
    """Return a header as it is signed; of the host without the port that goes without saying."""
    value = arrival.headers.get(name)
    if value is None:
        raise Unauthenticated(f"the header {name} is signed but absent")
    if name == "host" and value.endswith(_DEFAULT_PORTS):
        return value.rpartition(":")[0]
    return value.strip()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
