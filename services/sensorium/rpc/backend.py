"""Follows the health of another role, so that this one is ready only while what it calls is."""

import asyncio
from typing import Any

import structlog
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sensorium.errors import SensoriumError
from sensorium.rpc.readiness import Readiness

_PAUSE_SECONDS = 1.0

_log = structlog.get_logger(__name__)


async def follow_health(channel: aio.Channel, service: str, readiness: Readiness, check: str) -> None:
    """Let `check` pass while `service` says SERVING on `channel`; runs until it is cancelled."""
    stub = health_pb2_grpc.HealthStub(channel)
    readiness.expect(check)
    while True:
        try:
            await _watch(stub, service, readiness, check)
        except SensoriumError as error:
            _log.warning("backend_away", check=check, error=error.message)
            readiness.set(check, False, error.message)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _watch(stub: Any, service: str, readiness: Readiness, check: str) -> None:
    async for answer in stub.Watch(health_pb2.HealthCheckRequest(service=service)):
        serving = answer.status == health_pb2.HealthCheckResponse.SERVING
        readiness.set(
            check, serving, f"{service} says {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}"
        )
    readiness.set(check, False, f"{service} ended its watch")
