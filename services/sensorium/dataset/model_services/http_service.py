"""Posts JSON to the service of a connection, and turns what can go wrong into this project's errors."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore2

from sensorium.errors import (
    FailedPrecondition,
    InvalidArgument,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.model.dataset_names import ConnectionName

MOST_ANSWER_BYTES = 64 << 20
MOST_TOLD_CHARS = 300
# What is shorter may stand in an answer by chance, and is no secret.
SHORTEST_KEY = 8
# No compression: a small answer could become a large one.
_HEADERS = (
    (b"Content-Type", b"application/json"),
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", b"identity"),
    (b"User-Agent", b"sensorium"),
)
_BUSY = {408, 425, 429}
_DENIED = {401, 403}
_ABSENT = {404, 405, 410}


@dataclass(frozen=True, slots=True)
class Key:
    """What opens a service: the secret, empty for none, and what goes before it in the header `Authorization`."""

    secret: str = field(repr=False)
    before: str = "Bearer "


class HttpService:
    """One service, by its base URL and its key, which is in no error and no log line.

    Redirects are not followed, so the key goes nowhere else.

    Args:
        pool: Keeps connections; shared with other services.
        name: The connection, for errors.
        base_url: Without a slash at its end.
        key: Goes along with each call, if there is one.
        seconds: How long one call may take.
    """

    def __init__(
        self, pool: httpcore2.AsyncConnectionPool, name: ConnectionName, base_url: str, key: Key, seconds: float
    ) -> None:
        self._pool = pool
        self._name = name
        self._base_url = base_url
        self._key = key
        self._seconds = seconds

    async def post(self, path: str, body: bytes) -> bytes:
        """Return the body of a good answer.

        Raises:
            InvalidArgument: CONTENT_REFUSED: the service refuses what was sent.
            FailedPrecondition: CONNECTION_UNUSABLE: it refuses the key, or has no such path or model.
            ResourceExhausted: RATE_LIMITED, with `retry_after` when the service says it.
            Unavailable: BACKEND_UNAVAILABLE: it does not answer, breaks off, or is at fault itself.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(path, body)
        except TimeoutError:
            raise self._away(f"took longer than {self._seconds:g} s") from None
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            raise self._away(f"cannot be reached: {type(error).__name__}") from None

    async def _post(self, path: str, body: bytes) -> bytes:
        told = f"{self._key.before}{self._key.secret}".encode()
        headers = [*_HEADERS, *([(b"Authorization", told)] if self._key.secret else [])]
        timeouts = {"connect": self._seconds, "read": self._seconds, "write": self._seconds, "pool": self._seconds}
        async with self._pool.stream(
            "POST", f"{self._base_url}{path}", headers=headers, content=body, extensions={"timeout": timeouts}
        ) as response:
            content = await self._read(response)
        if response.status == 200:
            return self._without_key(content)
        raise self._refused(response, content)

    async def _read(self, response: httpcore2.Response) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_stream():
            content += chunk
            if len(content) > MOST_ANSWER_BYTES:
                raise self._unusable(f"answers with more than {MOST_ANSWER_BYTES} bytes")
        return bytes(content)

    def _refused(self, response: httpcore2.Response, content: bytes) -> SensoriumError:
        status = response.status
        wait = retry_after(_header(response, b"retry-after"))
        if status in _BUSY:
            told = f"the service of {self._name} answers {status}: it is asked too often"
            return ResourceExhausted(told, reason=Reason.RATE_LIMITED, retry_after=wait)
        if status >= 500:
            return self._away(f"answers {status}", wait)
        if status in _DENIED:
            return self._unusable(f"answers {status}: it refuses the key")
        if status in _ABSENT or status < 400:
            return self._unusable(f"answers {status}: {self._told(content)}")
        return InvalidArgument(
            f"the service of {self._name} answers {status}: {self._told(content)}",
            reason=Reason.CONTENT_REFUSED,
            metadata={"connection": str(self._name)},
        )

    def _told(self, content: bytes) -> str:
        """Return the start of what a service says of its error, on one line and without the key."""
        told = self._without_key(content)[: 4 * MOST_TOLD_CHARS].decode("utf-8", "replace")
        return re.sub(r"[\s\x00-\x1f\x7f]+", " ", told)[:MOST_TOLD_CHARS]

    def _without_key(self, content: bytes) -> bytes:
        """Return an answer without the key, which a service may repeat in what it says of an error."""
        secret = self._key.secret
        return content.replace(secret.encode(), b"***") if len(secret) >= SHORTEST_KEY else content

    def _away(self, why: str, wait: float | None = None) -> Unavailable:
        return Unavailable(
            f"the service of {self._name} {why}",
            reason=Reason.BACKEND_UNAVAILABLE,
            metadata={"backend": str(self._name)},
            retry_after=wait,
        )

    def _unusable(self, why: str) -> FailedPrecondition:
        return FailedPrecondition(
            f"the service of {self._name} {why}",
            reason=Reason.CONNECTION_UNUSABLE,
            metadata={"connection": str(self._name)},
        )


def retry_after(header: str) -> float | None:
    """Return the seconds of a `Retry-After` (RFC 9110, 10.2.3: a number or a date); None when it says nothing."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", header):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (known - datetime.now(UTC)).total_seconds())


def _header(response: httpcore2.Response, name: bytes) -> str:
    return next((value.decode("latin-1").strip() for key, value in response.headers if key.lower() == name), "")
