"""Follows whether a channel has a healthy server, so that this process is ready only while what it calls is."""

import structlog
from grpc import ChannelConnectivity, aio

from sensorium.rpc.readiness import Readiness

_log = structlog.get_logger(__name__)


async def follow_channel(channel: aio.Channel, service: str, readiness: Readiness, check: str) -> None:
    """Let `check` pass while `channel` reaches a server on which `service` is SERVING; runs until it is cancelled.

    The channel asks each of its servers for their health (`open_channel`'s `health_service`), and goes on as long as
    one is left.
    """
    readiness.expect(check)
    while True:
        state = channel.get_state(try_to_connect=True)
        if state is ChannelConnectivity.READY:
            readiness.set(check, True)
        elif state is not ChannelConnectivity.CONNECTING or not readiness.failing((check,)):
            _log.warning("backend_away", check=check, state=state.name)
            readiness.set(check, False, f"no server of {service} is SERVING")
        await channel.wait_for_state_change(state)
