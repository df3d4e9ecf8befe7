"""The part of the composition root that is about trust: whom a process believes, and what it shows, by its settings.

A gateway asks its callers for keys, and a role behind it asks for the secrets of the mesh (docs/keys.md).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sensorium.gateway.keys.guard import KeyGuard
from sensorium.gateway.keys.ring import opened_ring
from sensorium.gateway.keys.store import STORE_FILE, KeyStore
from sensorium.gateway.rates.exchange import shared_rates
from sensorium.gateway.rates.store import STORE_FILE as RATES_FILE
from sensorium.gateway.rates.store import RateStore
from sensorium.ports import Guard
from sensorium.rpc.address import is_loopback
from sensorium.rpc.channel import Channel, Pings, Repeatable, open_channel
from sensorium.rpc.channel_tls import channel_credentials
from sensorium.rpc.mesh_token import mesh_token
from sensorium.rpc.role_guard import MESH_HEADER, RoleGuard
from sensorium.rpc.server_tls import ServerCredentials, server_credentials
from sensorium.settings import MeshSettings, Role, Settings

_GATEWAYS = {Role.ALL, Role.GATEWAY}


@dataclass(frozen=True, slots=True)
class Guards:
    """What stands before every call of this process.

    Attributes:
        grpc: Before those over gRPC.
        http: Before those over HTTP, of a gateway alone; the same keys, of which another address may need some.
    """

    grpc: Guard
    http: KeyGuard | None = None


@asynccontextmanager
async def guarded(settings: Settings) -> AsyncIterator[Guards]:
    """Give what stands before every call of this process; keys are followed while the block is open.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: the file of the keys or of the token.
        DataLoss: The file of the keys is damaged.
        Unavailable: It cannot be opened.
    """
    if settings.role not in _GATEWAYS:
        tls = settings.mesh.tls
        yield Guards(RoleGuard(mesh_token(settings.mesh), certified=bool(tls.certificate and tls.ca)))
        return
    with opened_ring(KeyStore(settings.data_dir / STORE_FILE)) as ring:
        following = asyncio.create_task(ring.follow(settings.keys.poll_seconds))
        rates = RateStore(settings.data_dir / RATES_FILE)
        try:
            local_open = settings.keys.loopback_open
            async with shared_rates(ring, rates, settings.keys.poll_seconds):
                yield Guards(
                    KeyGuard(ring, local=is_loopback(settings.grpc.host), local_open=local_open),
                    KeyGuard(ring, local=is_loopback(settings.http.host), local_open=local_open),
                )
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def shown_to_callers(settings: Settings) -> ServerCredentials | None:
    """Return the certificate of this process's server; None without TLS. Raises FailedPrecondition."""
    tls = settings.grpc.tls if settings.role in _GATEWAYS else settings.mesh.tls
    return server_credentials(tls.certificate, tls.key, tls.ca) if tls.certificate and tls.key else None


def channel_to_role(target: str, repeatable: Repeatable, settings: MeshSettings, service: str) -> Channel:
    """Return a channel to those servers of a role on which `service` is SERVING; it shows that we belong to the mesh.

    Raises:
        FailedPrecondition: A file of a token or of TLS cannot be used.
    """
    token, tls = mesh_token(settings), settings.tls
    return open_channel(
        target,
        repeatable=repeatable,
        credentials=channel_credentials(tls.ca, tls.certificate, tls.key) if tls.ca else None,
        headers={MESH_HEADER: token} if token else {},
        health_service=service,
        pings=Pings(settings.ping_seconds, settings.ping_timeout_seconds),
    )
