"""How fast a model works when it has all the work it can take."""

_DECAY = 0.95  # by batch: about the last twenty count


class Throughput:
    """Tokens per second, measured over batches that ran while every slot was in use; unknown at first.

    What is measured at less than full load would tell too low a rate, and good work would be refused.
    """

    def __init__(self) -> None:
        self._tokens = 0.0
        self._seconds = 0.0

    def record(self, tokens: int, seconds: float) -> None:
        """Note that a batch of `tokens` ended `seconds` after the one before it."""
        self._tokens = self._tokens * _DECAY + tokens
        self._seconds = self._seconds * _DECAY + seconds

    def seconds_for(self, tokens: int) -> float | None:
        """Return how long `tokens` take; None while that is unknown."""
        return tokens * self._seconds / self._tokens if self._tokens else None
