"""Says in a response's trailers where its time went (www.w3.org/TR/server-timing)."""

from collections.abc import Mapping

from sensorium.context import Stage

HEADER = "server-timing"


def server_timing(stages: Mapping[Stage, float], total: float) -> str:
    """Return `queue;dur=0.4, inference;dur=6.1, total;dur=7.0`: milliseconds of each stage, from seconds."""
    parts = [f"{stage};dur={seconds * 1e3:.3f}" for stage, seconds in stages.items()]
    return ", ".join([*parts, f"total;dur={total * 1e3:.3f}"])
