"""Keeps the rates of a gateway's keys level with those of the other gateways, beside the calls."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

from sensorium.errors import SensoriumError
from sensorium.gateway.keys.rates import ALONE, Bucket
from sensorium.gateway.keys.ring import KeyRing
from sensorium.gateway.rates.store import Charge, Grants, Place, RateStore

_log = structlog.get_logger(__name__)


class RateExchange:
    """Tells the store what this gateway let pass, and learns what the others did.

    Args:
        ring: Whose rates they are.
        store: Keeps what all have left; open for as long as the exchange is used.
        every_seconds: How often it does.
    """

    def __init__(self, ring: KeyRing, store: RateStore, every_seconds: float) -> None:
        self._ring = ring
        self._store = store
        self._every_seconds = every_seconds
        self._turn = asyncio.Lock()
        self._shares: Mapping[Place, float] = {}  # Empty while nobody else is there.
        self._reachable = True

    async def exchange(self) -> None:
        """Do it once. While the store cannot be reached, this gateway counts alone."""
        async with self._turn:
            rated = self._rated()
            if rated:
                await self._exchange(rated)

    async def _exchange(self, rated: Mapping[Place, Bucket]) -> None:
        charges = self._charges(rated)
        try:
            grants = await asyncio.to_thread(self._store.exchange, charges)
        except Exception as error:  # Whatever it is, calls go on.
            if self._reachable:
                _log.error("rates_unshared", exc_info=error)
            self._reachable = False
            for bucket in rated.values():
                bucket.share = ALONE
        else:
            self._reachable = True
            self._settle(rated, charges, grants)

    async def leave(self) -> None:
        """Tell what is untold, and that this gateway is gone."""
        async with self._turn:
            try:
                await asyncio.to_thread(self._store.leave, self._charges(self._rated()))
            except SensoriumError as error:  # The others will notice by themselves.
                _log.warning("rates_unshared", exc_info=error)

    async def follow(self) -> None:
        """Exchange again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._every_seconds)
            await asyncio.shield(self.exchange())

    def _rated(self) -> Mapping[Place, Bucket]:
        meters = self._ring.meters()
        return {(key_id, unit): bucket for key_id, meter in meters for unit, bucket in meter.buckets.items()}

    def _charges(self, rated: Mapping[Place, Bucket]) -> list[Charge]:
        return [
            Charge(place, bucket.per_minute, bucket.untold, self._shares.get(place, 0.0))
            for place, bucket in rated.items()
        ]

    def _settle(self, rated: Mapping[Place, Bucket], charges: Sequence[Charge], grants: Grants) -> None:
        alone = grants.gateway_count == 1
        self._shares = {} if alone else {place: grant.share for place, grant in grants.by_place.items()}
        for charge in charges:
            bucket, grant = rated[charge.place], grants.by_place[charge.place]
            bucket.settle(charge.amount, grant.level)
            bucket.share = ALONE if alone else grant.share
            bucket.share_seconds = self._every_seconds


@asynccontextmanager
async def shared_rates(ring: KeyRing, store: RateStore, every_seconds: float) -> AsyncIterator[None]:
    """Share the rates of a ring while the block is open, from the first call on."""
    with store:
        exchange = RateExchange(ring, store, every_seconds)
        await exchange.exchange()
        following = asyncio.create_task(exchange.follow(), name="rates")
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await exchange.leave()
