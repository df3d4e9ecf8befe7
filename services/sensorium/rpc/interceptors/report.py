"""Tells how a call ended: to metrics, to the log, to its trace, and to its caller."""

import time
from dataclasses import dataclass
from typing import Any

from sensorium.context import CallContext
from sensorium.errors import SensoriumError
from sensorium.rpc.interceptors import request_id, timings
from sensorium.rpc.interceptors.access_log import AccessLog
from sensorium.rpc.interceptors.server_span import ServerSpan
from sensorium.rpc.status import status_code
from sensorium.telemetry.metrics import CallMetrics

Trailers = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Where ends of calls are told."""

    metrics: CallMetrics
    log: AccessLog

    def ended(
        self, method: str, call: CallContext, rpc: Any, span: ServerSpan, error: SensoriumError | None
    ) -> Trailers:
        """Tell of one call that ended; return the trailers for its caller."""
        seconds = time.monotonic() - call.started
        self.metrics.observe(method, status_code(error).name if error else "OK", seconds, call.stages)
        self.log.ended(method, seconds, rpc, error)
        span.end(call.request_id, error)
        timing = timings.server_timing(call.stages, seconds)
        return ((request_id.HEADER, call.request_id), (timings.HEADER, timing))
