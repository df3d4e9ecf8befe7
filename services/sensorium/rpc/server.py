"""The life of a gRPC server: it listens, serves in the frame, tells its health, and drains before it ends."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sensorium.ports import Guard
from sensorium.rpc.address import check_bindable, join, taken
from sensorium.rpc.health import HealthServicer
from sensorium.rpc.interceptors.access_log import AccessLog
from sensorium.rpc.interceptors.admission import Admission
from sensorium.rpc.interceptors.frame import Frame
from sensorium.rpc.interceptors.report import Reporter
from sensorium.rpc.readiness import Readiness
from sensorium.rpc.registration import Registration
from sensorium.rpc.role_guard import OPEN
from sensorium.settings import GrpcSettings
from sensorium.telemetry.metrics import CallMetrics

ACCEPTING = "accepting"  # The readiness check of the server itself.
_LAST_RESPONSES_SECONDS = 1.0


class RpcServer:
    """A gRPC server, as an async context manager.

    Health is NOT_SERVING until the checks that a service needs pass, and from the first moment of draining.

    Args:
        settings: Address and limits; port 0 takes a free one.
        services: What to serve.
        readiness: The checks that health follows; the server adds its own, `accepting`.
        metrics: Counts the calls.
        guard: Stands before every call but those of health; by default everybody may call.
        credentials: For TLS; None is plain text.

    Attributes:
        admission: Bounds the calls at work, of other faces of this process too.
        reporter: Tells how each ended.

    Raises (on entering):
        FailedPrecondition: The address is taken, or beyond loopback while the guard lets everybody call.
    """

    def __init__(
        self,
        settings: GrpcSettings,
        services: Sequence[Registration],
        readiness: Readiness,
        metrics: CallMetrics,
        *,
        guard: Guard = OPEN,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self._settings = settings
        self._services = services
        self._readiness = readiness
        self.admission = Admission(settings.max_concurrent_calls)
        self._guard = guard
        self._credentials = credentials
        self.reporter = Reporter(metrics, AccessLog())
        self._frame = Frame(settings, self.admission, self.reporter, guard)
        metrics.count_with(lambda: len(self.admission))
        self._server: aio.Server
        self._health: HealthServicer
        self.address = ""

    async def __aenter__(self) -> Self:
        check_bindable(self._settings.host, allowed=self._guard.closed, section="grpc", remedy=self._guard.remedy)
        self._server = aio.server(interceptors=[self._frame], options=_options(self._settings))
        self._add_services()
        self.address = self._bind()
        await self._server.start()
        self._readiness.set(ACCEPTING, True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drain()

    async def drain(self) -> None:
        """Say NOT_SERVING, then refuse new calls, give running ones `drain_seconds`, and stop.

        Those who watch our health get `notice_seconds` to go elsewhere, in which their calls are still taken.
        """
        self._readiness.set(ACCEPTING, False, "shutting down")
        if self._health.watchers:
            await asyncio.sleep(self._settings.notice_seconds)
        await self.admission.drain(self._settings.drain_seconds)
        self._readiness.close()
        await self._server.stop(_LAST_RESPONSES_SECONDS)

    def _add_services(self) -> None:
        needs = {registration.service: {ACCEPTING, *registration.needs} for registration in self._services}
        for check in set().union(*needs.values()):
            self._readiness.expect(check)
        for registration in self._services:
            registration.add(self._server)
        self._health = HealthServicer(self._readiness, needs)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        reflection.enable_server_reflection((*needs, health, reflection.SERVICE_NAME), self._server)

    def _bind(self) -> str:
        host, port = self._settings.host, self._settings.port
        try:
            return join(host, self._add_port(join(host, port)))
        except RuntimeError as fault:
            raise taken(host, port, "grpc") from fault

    def _add_port(self, address: str) -> int:
        if self._credentials:
            return self._server.add_secure_port(address, self._credentials)
        return self._server.add_insecure_port(address)


def _options(settings: GrpcSettings) -> list[tuple[str, int]]:
    """Return gRPC's options (grpc/impl/channel_arg_names.h)."""
    return [
        # A second server on the same port is an error, not a share of its calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        # Clients may ping, calls or not; more often closes their connection.
        ("grpc.http2.min_ping_interval_without_data_ms", round(settings.min_ping_seconds * 1e3)),
        ("grpc.keepalive_permit_without_calls", 1),
        # Finds out about clients that vanished without a word.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.ping_timeout_ms", 20_000),
    ]
