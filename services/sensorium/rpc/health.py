"""The standard gRPC health service, which says what the readiness checks say, per service name.

The servicer of grpcio-health-checking starts as SERVING and forgets all watchers of a service when one leaves.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sensorium.rpc.readiness import Readiness

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Answers Check and Watch (github.com/grpc/grpc/blob/master/doc/health-checking.md).

    Args:
        readiness: The checks.
        needs: The checks that each service needs, by full name. The empty name stands for the server and needs all.

    Attributes:
        watchers: How many follow it now.
    """

    def __init__(self, readiness: Readiness, needs: Mapping[str, Collection[str]]) -> None:
        self._readiness = readiness
        self._needs: dict[str, Collection[str] | None] = {"": None, **needs}
        self.watchers = 0

    async def Check(self, request: Any, rpc: Any) -> Any:  # noqa: N802
        """Return the status of one service. Codes: NOT_FOUND."""
        status = self._status(request.service)
        if status == SERVICE_UNKNOWN:
            await rpc.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r}")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(self, request: Any, rpc: Any) -> AsyncIterator[Any]:  # noqa: N802, ARG002
        """Return the status of one service now and whenever it changes."""
        last = None
        self.watchers += 1
        try:
            async for _ in self._readiness.changes():
                status = self._status(request.service)
                if status != last:
                    last = status
                    yield health_pb2.HealthCheckResponse(status=status)
        finally:
            self.watchers -= 1

    def _status(self, service: str) -> int:
        if service not in self._needs:
            return int(SERVICE_UNKNOWN)
        return int(NOT_SERVING if self._readiness.failing(self._needs[service]) else SERVING)
