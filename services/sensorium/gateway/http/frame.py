"""The frame around every HTTP call: what stands around gRPC's calls, with the same admission, guard and reports."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from sensorium import context
from sensorium.context import CallContext
from sensorium.errors import SensoriumError, Unauthenticated, Unavailable
from sensorium.gateway.http.body import BodyReader
from sensorium.gateway.http.call import Arrival, HttpCall, Reply
from sensorium.gateway.http.family import Family, Operation
from sensorium.gateway.http.payload import to_json
from sensorium.gateway.http.refusals import NotAcceptedHere, http_status, refusal_headers
from sensorium.gateway.http.routes import Routes
from sensorium.model.access import Named
from sensorium.model.anybody import ANYBODY
from sensorium.model.names import check_id
from sensorium.ports import Guard, Permit
from sensorium.rpc.address import is_loopback
from sensorium.rpc.interceptors.admission import Admission
from sensorium.rpc.interceptors.faults import error_from
from sensorium.rpc.interceptors.report import Reporter
from sensorium.rpc.interceptors.request_id import request_id_from
from sensorium.rpc.interceptors.server_span import start_server_span
from sensorium.settings import HttpSettings

_UNKNOWN = "http"  # The method of calls of paths that nobody serves: callers do not choose the names of metrics.


@dataclass(slots=True)
class _Progress:
    """How far a call has come: its method is known once its path was found."""

    method: str = _UNKNOWN


class HttpFrame:
    """Answers calls.

    Args:
        settings: The limits.
        routes: What there is.
        guard: Stands before every call.
        admission: Bounds the calls at work, gRPC's and these.
        reporter: Tells how each ended.
    """

    def __init__(
        self, settings: HttpSettings, routes: Routes, guard: Guard, admission: Admission, reporter: Reporter
    ) -> None:
        self._settings = settings
        self._routes = routes
        self._guard = guard
        self._admission = admission
        self._reporter = reporter
        self._bodies = BodyReader(seconds=settings.read_seconds, memory_bytes=settings.max_buffered_bytes)

    async def answer(self, request: Request) -> Reply:
        """Return the answer to one call; whatever happens, it is the family's, and has a request id."""
        arrival = arrival_of(request)
        family = self._routes.family(arrival.path)
        now = time.monotonic()
        call = CallContext(
            request_id_from(arrival.headers), deadline=now + self._settings.max_deadline_seconds, started=now
        )
        progress = _Progress()
        span = start_server_span(f"/{family.name}", arrival.headers, system="http")
        with context.opened(call):
            error: SensoriumError | None = None
            try:
                reply = await self._work(request, arrival, family, call, progress)
            except asyncio.CancelledError as fault:
                self._reporter.ended(progress.method, call, arrival, span, error_from(fault, call))
                raise
            except Exception as fault:
                error = error_from(fault, call)
                reply = _refusal(family, error, call.request_id)
            trailers = self._reporter.ended(progress.method, call, arrival, span, error)
        return _with(reply, {name: str(value) for name, value in trailers})

    async def _work(
        self, request: Request, arrival: Arrival, family: Family, call: CallContext, progress: _Progress
    ) -> Reply:
        self._check_host(arrival)
        template, operation, params = self._routes.find(family, arrival.method, arrival.path)
        progress.method = template
        permit = self._permit(family, operation, arrival)
        call.key_id, call.scoped = permit.key_id, permit.scoped
        most_bytes = operation.max_body_bytes or self._settings.max_body_bytes
        body = await self._bodies.read(request, most_bytes, operation.read_seconds)
        family.credentials.verify(permit, arrival, body)
        workspace = _workspace(arrival.headers.get(family.workspace_header, "")) or permit.workspace
        permit.request(Named(shared=(f"workspaces/{workspace}",)), 1)
        made = HttpCall(arrival, params, body, call.request_id, workspace, permit.key_id)
        reply = await self._admission.run(call.remaining() or 0.0, _behind_us, operation, made)
        permit.used(reply.tokens)
        return reply

    def _permit(self, family: Family, operation: Operation, arrival: Arrival) -> Permit:
        if not operation.permission:
            return ANYBODY
        return family.credentials.admit(self._guard, self._guard.rule(operation.permission), arrival)

    def _check_host(self, arrival: Arrival) -> None:
        """Refuse names that a page in a browser may have been led here by, while nobody is asked for a key."""
        host = arrival.headers.get("host", "localhost")
        if not self._guard.closed and is_loopback(self._settings.host) and not is_loopback(_name(host)):
            raise NotAcceptedHere(
                "the host is not one of this machine, and without keys this server serves it alone", field="host"
            )


async def _behind_us(operation: Operation, call: HttpCall) -> Reply:
    """Run an operation of a caller who has passed."""
    try:
        return await operation.endpoint(call)
    except Unauthenticated as error:
        raise Unavailable("a service behind this one refuses its mesh token or certificate") from error


def arrival_of(request: Request) -> Arrival:
    """Return the head of a request."""
    scope = request.scope
    client = f"{request.client.host}:{request.client.port}" if request.client else ""
    path, query = str(scope["path"]), bytes(scope["query_string"]).decode("latin-1")
    return Arrival(request.method, path.rstrip("/") or "/", path, query, request.headers, client)


def _refusal(family: Family, error: SensoriumError, request_id: str) -> Reply:
    status, body = family.envelope(error, http_status(error), request_id)
    return Reply(to_json(body), status, headers=refusal_headers(error))


def _workspace(named: str) -> str:
    """Return the workspace that a header names; vendors' ids have capitals, ours have none."""
    if not named:
        return ""
    workspace = named.lower()
    check_id(workspace, "workspace")
    return workspace


def _with(reply: Reply, headers: Mapping[str, str]) -> Reply:
    return Reply(reply.body, reply.status, reply.content_type, {**headers, **reply.headers}, reply.tokens)


def _name(host: str) -> str:
    """Return the name of `host:port`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host if host.count(":") == 1 else host
