"""The metrics of a process, in one registry that /metrics shows (docs/telemetry.md lists them)."""

from collections.abc import Callable, Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from sensorium.context import Stage

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


def process_registry() -> CollectorRegistry:
    """Return a registry that holds the process's own figures (memory, CPU, open files, garbage collection)."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class CallMetrics:
    """The metrics of calls.

    Args:
        registry: Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        calls = Counter("sensorium_calls", "Calls answered.", ["method", "code"], registry=registry)
        seconds = Histogram(
            "sensorium_call_seconds", "Time of a call.", ["method"], buckets=_SECONDS, registry=registry
        )
        stages = Histogram(
            "sensorium_stage_seconds", "Time of one stage of a call.", ["stage"], buckets=_SECONDS, registry=registry
        )
        # Finding a metric by its labels costs more than counting; methods, codes and stages are few.
        self._calls = cache(calls.labels)
        self._seconds = cache(seconds.labels)
        self._stage_seconds = cache(stages.labels)
        self._at_work = Gauge("sensorium_calls_at_work", "Calls being worked on.", registry=registry)

    def count_with(self, calls_at_work: Callable[[], int]) -> None:
        """Ask `calls_at_work` for the calls being worked on, whenever metrics are read."""
        self._at_work.set_function(calls_at_work)

    def observe(self, method: str, code: str, seconds: float, stages: Mapping[Stage, float]) -> None:
        """Count one call that ended."""
        self._calls(method, code).inc()
        self._seconds(method).observe(seconds)
        for stage, stage_seconds in stages.items():
            self._stage_seconds(stage).observe(stage_seconds)
