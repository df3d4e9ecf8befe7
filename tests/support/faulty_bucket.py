"""A bucket that answers 503 for some of its objects, or for all, as stores do of which a part has failed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from bucket_samples import bucket

SLOW_DOWN = b"<Error><Code>ServiceUnavailable</Code><Message>no</Message></Error>"


@dataclass
class Faults:
    """What a bucket does not do from now on.

    Attributes:
        endpoint: Where it is.
        keys: Objects that it does not give.
        gives_nothing: It lists its objects, and gives none.
        is_away: It does nothing at all.
        refused: How often it was asked for what it does not do.
    """

    endpoint: str = ""
    keys: set[str] = field(default_factory=set)
    gives_nothing: bool = False
    is_away: bool = False
    refused: int = 0

    def hit(self, method: str, path: str) -> bool:
        """Return whether a request meets a fault."""
        key = urlsplit(path).path.strip("/").partition("/")[2]
        given = method in {"GET", "HEAD"} and bool(key)
        found = self.is_away or (given and (self.gives_nothing or key in self.keys))
        self.refused += found
        return found


@contextmanager
def faulty_bucket(name: str) -> Iterator[tuple[str, Faults]]:
    """Serve an empty bucket; the body is given the endpoint that never fails, and the faults of the other one."""
    with bucket(name) as sound:
        faults = Faults()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(sound, faults))
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        faults.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield sound, faults
        finally:
            server.shutdown()
            serving.join()
            server.server_close()


def _handler(sound: str, faults: Faults) -> type[BaseHTTPRequestHandler]:
    class Passing(BaseHTTPRequestHandler):
        """Passes a request on, unless it meets a fault."""

        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            if faults.hit(self.command, self.path):
                self._send(503, {"content-type": "application/xml"}, SLOW_DOWN)
                return
            upstream = HTTPConnection(urlsplit(sound).netloc)
            upstream.request(self.command, self.path, content, dict(self.headers))
            answer = upstream.getresponse()
            self._send(answer.status, dict(answer.getheaders()), answer.read())
            upstream.close()

        def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            kept = {name: value for name, value in headers.items() if name.lower() in KEPT}
            for name, value in kept.items():
                self.send_header(name, value)
            if self.command == "HEAD":
                self.send_header("content-length", headers.get("content-length", "0"))
            else:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # The base class calls it so.
            """Say nothing."""

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815  # As the base class calls them.

    return Passing


KEPT = frozenset({"content-type", "etag", "last-modified", "content-range", "accept-ranges"})
