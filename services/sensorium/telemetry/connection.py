"""A connection of the HTTP server whose caller must come to the point: slow heads would hold connections for ever."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class TimedConnection(HttpToolsProtocol):
    """uvicorn's connection, closed when the head of a request does not come in its time.

    Args:
        head_seconds: The time, from the connection's start for its first request, else from a request's first byte.
        arguments: uvicorn's.
    """

    def __init__(self, *, head_seconds: float, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._head_seconds = head_seconds
        self._closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Wait for the rest of a head that has begun."""
        super().on_message_begin()
        if self._closing is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._wait_no_more()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._closing = self.loop.call_later(self._head_seconds, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._closing:
            self._closing.cancel()
            self._closing = None


def timed_connections(head_seconds: float) -> Callable[..., TimedConnection]:
    """Return what makes a connection, as uvicorn asks for it."""
    return partial(TimedConnection, head_seconds=head_seconds)
