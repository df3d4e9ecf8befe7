"""The HTTP front as an application: every request that is not for the process itself comes through here."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sensorium.gateway.http.frame import HttpFrame


class HttpFront:
    """An ASGI application.

    Args:
        frame: Answers each call.
    """

    def __init__(self, frame: HttpFrame) -> None:
        self._frame = frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        reply = await self._frame.answer(Request(scope, receive))
        response = Response(reply.body, reply.status, dict(reply.headers), reply.content_type)
        await response(scope, receive, send)
