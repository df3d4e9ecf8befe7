"""The HTTP address of a process: is it alive, is it ready, what are its figures; other HTTP faces mount beside it."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from sensorium.rpc.address import check_bindable, join, taken
from sensorium.rpc.readiness import Readiness
from sensorium.settings import HttpSettings
from sensorium.telemetry.connection import timed_connections

_REMEDY = "set SENSORIUM_HTTP__ALLOW_PUBLIC=true if health and metrics may be read by whoever reaches it"


class HttpEndpoint:
    """An HTTP server in this event loop, as an async context manager.

    `/healthz` answers 200 while the loop runs; `/readyz` 200 or 503 with the checks that fail and why; `/metrics` in
    Prometheus' text format.

    Args:
        settings: The address; port 0 takes a free one.
        readiness: The checks.
        registry: The metrics.
        routes: What else to serve.
        others: Answers all other paths; None says that there is nothing.

    Raises (on entering):
        FailedPrecondition: The address is taken, or public without `allow_public`.
    """

    def __init__(
        self,
        settings: HttpSettings,
        readiness: Readiness,
        registry: CollectorRegistry,
        routes: Sequence[BaseRoute] = (),
        others: ASGIApp | None = None,
    ) -> None:
        self._settings = settings
        self._readiness = readiness
        self._registry = registry
        self._application = Starlette(
            routes=[
                Route("/healthz", _alive),
                Route("/readyz", self._ready),
                Route("/metrics", self._metrics),
                *routes,
            ]
        )
        if others:
            self._application.router.default = others
        self._application.router.redirect_slashes = False
        self._server: _Server
        self._serving: asyncio.Task[None]
        self.address = ""

    async def __aenter__(self) -> Self:
        check_bindable(self._settings.host, allowed=self._settings.allow_public, section="http", remedy=_REMEDY)
        listener = self._bind()
        self.address = join(*listener.getsockname()[:2])
        self._server = _Server(
            uvicorn.Config(
                self._application,
                http=timed_connections(self._settings.head_seconds),  # type: ignore[arg-type]  # uvicorn calls it alone.
                ws="none",
                timeout_keep_alive=self._settings.keep_alive_seconds,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._serving = asyncio.create_task(self._server.serve([listener]), name="http")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        await self._serving

    def _bind(self) -> socket.socket:
        host, port = self._settings.host, self._settings.port
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((host, port), family=family)
        except OSError as fault:
            raise taken(host, port, "http") from fault

    async def _ready(self, _request: Request) -> Response:
        failing = self._readiness.failing()
        return JSONResponse({"ready": not failing, "failing": dict(failing)}, 503 if failing else 200)

    async def _metrics(self, _request: Request) -> Response:
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


class _Server(uvicorn.Server):
    """A uvicorn that leaves signals to the process that it lives in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("ok\n")
