"""A model hub on loopback whose answers a test scripts: cut short, redirected, refused, or of other bytes."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """What one request gets.

    Attributes:
        cut: Bytes of the body after which the connection ends; None sends all that was promised.
        ranges: Whether a Range is honoured.
        content_range: What stands in the place of the true Content-Range.
        content: What stands in the place of the published file.
    """

    status: int = 200
    cut: int | None = None
    ranges: bool = True
    content_range: str = ""
    location: str = ""
    content: bytes | None = None


@dataclass
class ModelHub:
    """The file that is published, the answers to come (then whole ones), and what was asked: path and Range."""

    content: bytes
    address: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def model_hub(content: bytes) -> Iterator[ModelHub]:
    """Serve `content` under any path."""
    hub = ModelHub(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked.append((self.path, self.headers.get("Range", "")))
            answer = hub.answers.pop(0) if hub.answers else Answer()
            body = hub.content if answer.content is None else answer.content
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if answer.ranges else None
            start = int(wanted[1]) if wanted else 0
            self.send_response(206 if wanted and answer.status == 200 else answer.status)
            if wanted:
                true = f"bytes {start}-{len(body) - 1}/{len(body)}"
                self.send_header("Content-Range", answer.content_range or true)
            if answer.location:
                self.send_header("Location", answer.location)
            self.send_header("Content-Length", str(len(body) - start))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body[start:][: answer.cut])

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        hub.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
