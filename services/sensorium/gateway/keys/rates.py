"""How much a key may do in a minute: token buckets, which go into debt, as what a call costs is known after it.

The published limiters refuse what does not fit and remember nothing of it, so they cannot charge afterwards.
"""

import math
import time
from collections.abc import Callable, Mapping

from sensorium.errors import Reason, ResourceExhausted
from sensorium.model.key import KeySpec

Clock = Callable[[], float]

ALONE = math.inf  # The share of a gateway that shares with nobody.


class Bucket:
    """Holds up to a minute's worth, filled evenly.

    Several gateways may draw on it (gateway/rates): each knows what the others took as of the last time that they told
    each other, and until the next it takes no more than its share, or else one request.

    Attributes:
        per_minute: How much comes in a minute.
        untold: What was taken here and the other gateways do not know of.
        share: What may be taken here before they know.
        share_seconds: How long that may last.

    Args:
        per_minute: How much comes in a minute, and the most that it holds.
        clock: Tells seconds.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute = per_minute
        self.untold = 0.0
        self.share = ALONE
        self.share_seconds = 0.0
        self._most = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._level = self._most
        self._filled = clock()

    def wait(self, amount: float) -> float:
        """Return the seconds until `amount`, or all that it can hold, is there; 0 when it is."""
        now = self._clock()
        self._level = min(self._most, self._level + (now - self._filled) * self._per_second)
        self._filled = now
        missing = max(0.0, min(amount, self._most) - self._level) / self._per_second
        return missing or (self.share_seconds if self.untold and self.untold + amount > self.share else 0.0)

    def take(self, amount: float) -> None:
        """Take `amount`, be it there or not."""
        self._level -= amount
        self.untold += amount

    def settle(self, told: float, level: float) -> None:
        """Go on from the level that all gateways share, which knows of `told` of what was taken here."""
        self.untold -= told
        self._level = level - self.untold
        self._filled = self._clock()


class Meter:
    """The two rates of one key.

    Args:
        spec: Says them; 0 is no limit.
        clock: Tells seconds.
    """

    def __init__(self, spec: KeySpec, clock: Clock = time.monotonic) -> None:
        self._spec = spec
        self._requests = Bucket(spec.requests_per_minute, clock) if spec.requests_per_minute else None
        self._tokens = Bucket(spec.tokens_per_minute, clock) if spec.tokens_per_minute else None

    @property
    def buckets(self) -> Mapping[str, Bucket]:
        """The buckets by unit."""
        each = {"requests": self._requests, "tokens": self._tokens}
        return {unit: bucket for unit, bucket in each.items() if bucket}

    def request(self, count: int) -> None:
        """Take `count` requests.

        Raises:
            ResourceExhausted: RATE_LIMITED: they are not there yet, or tokens are owed. Nothing was taken.
        """
        if self._tokens and (seconds := self._tokens.wait(1)):
            raise _limited(self._spec.tokens_per_minute, "tokens", seconds)
        if self._requests:
            if seconds := self._requests.wait(count):
                raise _limited(self._spec.requests_per_minute, "requests", seconds)
            self._requests.take(count)

    def used(self, tokens: int) -> None:
        """Charge the tokens of a call that was answered."""
        if self._tokens:
            self._tokens.take(tokens)


def _limited(limit: int, unit: str, seconds: float) -> ResourceExhausted:
    return ResourceExhausted(
        f"the key has used up its {limit:,} {unit} a minute; there are more in {seconds:.1f} s",
        reason=Reason.RATE_LIMITED,
        metadata={"limit": str(limit), "unit": f"{unit} per minute"},
        retry_after=seconds,
    )
