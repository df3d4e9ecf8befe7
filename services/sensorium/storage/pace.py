"""How fast work goes lately, so that a call which would come too late is refused before it starts."""

# An estimate is some percent off: were calls taken up to their last moment, half of them would just come too late.
USABLE_SHARE = 0.85
_DECAY = 0.95  # by measurement: about the last twenty count


class Pace:
    """Seconds for one unit of work, of what was measured lately; 0 while that is unknown."""

    def __init__(self) -> None:
        self._units = 0.0
        self._seconds = 0.0

    def record(self, units: int, seconds: float) -> None:
        """Note that `units` took `seconds`."""
        self._units = self._units * _DECAY + units
        self._seconds = self._seconds * _DECAY + seconds

    def seconds_for(self, units: float) -> float:
        """Return how long `units` take."""
        return units * self._seconds / self._units if self._units else 0.0
