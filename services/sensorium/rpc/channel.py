"""The one channel factory: for calls between roles, and for the client library.

Triton is not called through it: its full queue says UNAVAILABLE, which this channel may repeat.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import grpc
from grpc import aio

from sensorium.rpc.outgoing import interceptors

MAX_MESSAGE_BYTES = 32 << 20
Channel = aio.Channel
Repeatable = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Pings:
    """How a channel notices a server that is connected and does not answer.

    Attributes:
        every: Seconds without a word from it, after which it is asked whether it lives.
        timeout: Seconds after which it is taken for dead; calls under way are then UNAVAILABLE.
    """

    every: float = 30
    timeout: float = 10


_OPTIONS = (
    ("grpc.keepalive_permit_without_calls", 1),
    # A channel that nobody calls for half an hour would forget which servers are healthy.
    ("grpc.client_idle_timeout_ms", 2**31 - 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A server that restarts is found again in moments, not after gRPC's usual second and more.
    ("grpc.initial_reconnect_backoff_ms", 100),
    # How long a connection may take to be made, whatever the name says.
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Looks up names again as soon as a replica went away.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
)
_RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
# After some 50 failures without ten times as many successes, nothing is repeated: a mesh in trouble gets no more load.
_THROTTLING = {"maxTokens": 100, "tokenRatio": 0.1}


def open_channel(
    target: str,
    *,
    repeatable: Repeatable | None = None,
    health_service: str = "",
    credentials: grpc.ChannelCredentials | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    pings: Pings = Pings(),
) -> aio.Channel:
    """Return a channel to `target`; nothing is sent before the first call. Use it as an async context manager.

    Calls on it carry the current call's request id, trace and remaining time, are spread over all addresses in
    turn, and raise `SensoriumError`. There is no deadline unless the current call or `timeout=` gives one.

    Args:
        target: `host:port`, `dns:///name:port` (every address it has) or `ipv4:address:port,address:port`.
        repeatable: Methods by full service name that may be repeated when the answer is UNAVAILABLE, four attempts
            in all: `{"sensorium.v1.SearchService": ["Search"]}`. Only what is safe to run twice.
        health_service: Sends calls only to servers on which this service is SERVING; empty does not ask.
        credentials: For TLS; None is plain text.
        headers: Sent with every call, beside our own.
        max_message_bytes: The largest message, in and out.
        pings: How a server that hangs is noticed.
    """
    options = (
        *_OPTIONS,
        ("grpc.keepalive_time_ms", round(pings.every * 1e3)),
        ("grpc.keepalive_timeout_ms", round(pings.timeout * 1e3)),
        # gRPC measures bandwidth by pings of its own. While one is out, which by default may take a minute, it sends
        # none to keep alive: a server that hangs right after an answer would not be noticed.
        ("grpc.http2.ping_timeout_ms", round(pings.timeout * 1e3)),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.service_config", json.dumps(_service_config(repeatable or {}, health_service))),
    )
    if credentials:
        return aio.secure_channel(target, credentials, options=options, interceptors=interceptors(headers))
    return aio.insecure_channel(target, options=options, interceptors=interceptors(headers))


def _service_config(repeatable: Repeatable, health_service: str) -> dict[str, object]:
    """Return gRPC's service config (grpc/service_config/service_config.proto).

    It never sets `timeout`, which fails calls at once on some machines; deadlines go with each call.
    """
    names = [{"service": service, "method": method} for service, methods in repeatable.items() for method in methods]
    config: dict[str, object] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if names:
        config |= {"methodConfig": [{"name": names, "retryPolicy": _RETRY}], "retryThrottling": _THROTTLING}
    if health_service:
        config["healthCheckConfig"] = {"serviceName": health_service}
    return config
