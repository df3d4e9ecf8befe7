"""How much a key may do in a minute: token buckets, which go into debt, as what a call costs is known after it.

The published limiters refuse what does not fit and remember nothing of it, so they cannot charge afterwards.
"""

import time
from collections.abc import Callable

from sensorium.errors import Reason, ResourceExhausted
from sensorium.model.key import KeySpec

Clock = Callable[[], float]


class Bucket:
    """Holds up to a minute's worth, filled evenly.

    Args:
        per_minute: How much comes in a minute, and the most that it holds.
        clock: Tells seconds.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
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
        return max(0.0, min(amount, self._most) - self._level) / self._per_second

    def take(self, amount: float) -> None:
        """Take `amount`, be it there or not."""
        self._level -= amount


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
