"""Sums of usage by hour, workspace, key and model, as the hot path makes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sensorium.model.content import Modality
from sensorium.model.embedding import Usage

HOUR_MICROS = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Account:
    """Whose usage it is.

    Attributes:
        start: The hour's begin, in microseconds since 1970.
        workspace: Whom it worked for.
        key_id: The key; empty for none.
        model: The model.
    """

    start: int
    workspace: str
    key_id: str
    model: str


@dataclass(slots=True)
class Sum:
    """What an account has come to."""

    calls: int = 0
    tokens: int = 0
    measures: dict[tuple[Modality, float], float] = field(default_factory=dict)

    def add(self, calls: int, tokens: int, measures: Mapping[tuple[Modality, float], float]) -> None:
        """Add what came."""
        self.calls += calls
        self.tokens += tokens
        for kind, measure in measures.items():
            self.measures[kind] = self.measures.get(kind, 0.0) + measure


class Tally:
    """Sums by account."""

    def __init__(self) -> None:
        self._sums: dict[Account, Sum] = {}

    def __bool__(self) -> bool:
        """Return whether anything was counted."""
        return bool(self._sums)

    def __iter__(self) -> Iterator[tuple[Account, Sum]]:
        """Yield every account with its sum."""
        return iter(self._sums.items())

    def count(self, account: Account, usage: Usage) -> None:
        """Count one call."""
        measures = {(each.modality, each.weight): each.measure for each in usage.modalities}
        self._at(account).add(1, usage.token_count, measures)

    def merge(self, other: "Tally") -> None:
        """Add all of another."""
        for account, each in other:
            self._at(account).add(each.calls, each.tokens, each.measures)

    def _at(self, account: Account) -> Sum:
        return self._sums.setdefault(account, Sum())
