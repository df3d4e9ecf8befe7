"""Fetches `http:` and `https:` URIs from public addresses, which are checked where the connection is made."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from ssl import SSLContext
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import httpcore2

from sensorium.media.addresses import is_public
from sensorium.media.faults import away, refused, too_long
from sensorium.settings import InputSettings

_REDIRECTS = {301, 302, 303, 307, 308}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BUSY = {408, 425, 429}
_SAFE = "/%:@!$&'()*+,;=~-._"
# No compression: a small answer could become a large one.
_HEADERS = ((b"Accept", b"*/*"), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"sensorium"))


class WebReader:
    """Follows a URI to its bytes, every step of the way under the same rules. Leaving its block closes connections.

    Args:
        settings: The rules.
        tls: Whom to trust; the roots of the system by default.
    """

    def __init__(self, settings: InputSettings, tls: SSLContext | None = None) -> None:
        self._settings = settings
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=settings.fetches,
            # None is kept: every fetch is resolved and checked anew, and meets no connection that is being closed.
            max_keepalive_connections=0,
            network_backend=CheckedNetwork(settings.private_hosts),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def read(self, uri: str, max_bytes: int) -> bytes:
        """Return what the URI leads to.

        Raises:
            InvalidArgument: URI_REFUSED, or CONTENT_TOO_LONG.
            Unavailable: The server does not answer, or is busy.
        """
        try:
            async with asyncio.timeout(self._settings.fetch_seconds):
                return await self._follow(uri, max_bytes)
        except TimeoutError:
            raise away(f"the source took longer than {self._settings.fetch_seconds:g} s") from None
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            raise away(f"the source cannot be read: {type(error).__name__}") from None

    async def _follow(self, uri: str, max_bytes: int) -> bytes:
        for _ in range(self._settings.max_redirects + 1):
            async with self._answer(uri) as response:
                if response.status not in _REDIRECTS:
                    return await _body(response, max_bytes)
                uri = _redirected(uri, _header(response, b"location"))
        raise refused(f"redirects more than {self._settings.max_redirects} times")

    @asynccontextmanager
    async def _answer(self, uri: str) -> AsyncIterator[httpcore2.Response]:
        url = self._checked(uri)
        seconds = self._settings.fetch_seconds
        timeouts = {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}
        async with self._pool.stream("GET", url, headers=_HEADERS, extensions={"timeout": timeouts}) as response:
            yield response

    def _checked(self, uri: str) -> httpcore2.URL:
        """Return the URL to ask, made of the parts that were looked at."""
        parts, host, port = _split(uri)
        if not any(fnmatchcase(host, pattern.lower()) for pattern in self._settings.http_hosts):
            raise refused(f"names the host {host}, which SENSORIUM_INPUTS__HTTP_HOSTS does not allow")
        if port not in self._settings.http_ports and f"{host}:{port}" not in self._settings.private_hosts:
            raise refused(f"names the port {port}, which SENSORIUM_INPUTS__HTTP_PORTS does not allow")
        target = quote(parts.path or "/", safe=_SAFE)
        query = f"?{quote(parts.query, safe=_SAFE + '?')}" if parts.query else ""
        return httpcore2.URL(
            scheme=parts.scheme.encode(), host=host.encode("ascii"), port=port, target=f"{target}{query}".encode()
        )


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to an address that was checked, never to a name that could lead elsewhere a moment later.

    Args:
        private_hosts: `host:port`s of the operator's own network, which may have any address.
    """

    def __init__(self, private_hosts: Iterable[str]) -> None:
        self._private = frozenset(private_hosts)
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - of the interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve `host`, refuse it when one of its addresses is not public, and connect to one of them."""
        addresses = await _resolved(host, port)
        if f"{host}:{port}" not in self._private and not all(map(is_public, addresses)):
            raise refused(f"leads to an address of {host} that is not public")
        fault: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                fault = error
        raise fault


async def _resolved(host: str, port: int) -> Sequence[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise refused(f"names the host {host}, which cannot be found") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _split(uri: str) -> tuple[SplitResult, str, int]:
    """Return a URI's parts, its host in ASCII, and its port."""
    try:
        parts = urlsplit(uri)
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):  # UnicodeError is a ValueError
        raise refused("is no http: or https: URI that can be read") from None
    if not host or "@" in parts.netloc:
        raise refused("is an http: URI without a host, or with a user in it")
    return parts, host, port


def _redirected(uri: str, location: str) -> str:
    """Return where an answer leads. What came over TLS may not go on without."""
    try:
        joined = urljoin(uri, location)
    except ValueError:
        joined = ""
    if not location or not joined.startswith(("https:", "http:")):
        raise refused("redirects to what is no http: or https: URI")
    if uri.lower().startswith("https:") and not joined.startswith("https:"):
        raise refused("redirects from https: to http:")
    return joined


async def _body(response: httpcore2.Response, max_bytes: int) -> bytes:
    if response.status >= 500 or response.status in _BUSY:
        raise away(f"the source answers {response.status}")
    if response.status != 200:
        raise refused(f"is answered with {response.status}")
    if _header(response, b"content-encoding") not in {"", "identity"}:
        raise refused("is answered compressed, which was not asked for")
    stated = _header(response, b"content-length")
    if stated.isascii() and stated.isdigit() and int(stated) > max_bytes:
        raise too_long(int(stated), max_bytes, "bytes")
    content = bytearray()
    async for chunk in response.aiter_stream():
        content += chunk
        if len(content) > max_bytes:
            raise too_long(len(content), max_bytes, "bytes")
    return bytes(content)


def _header(response: httpcore2.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")
