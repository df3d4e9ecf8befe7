"""One page of the nearest files, where the next begins, and what the catalog says of what may stand on it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from sensorium.model.dataset_file import FileRecord
from sensorium.model.embedding import Timings, Usage


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ranking goes on: a token of whoever ranks, and how many hits there were."""

    token: str
    rank: int

    def written(self) -> tuple[str, int]:
        """Return it as a page token holds it."""
        return self.token, self.rank


@dataclass(frozen=True, slots=True)
class NearPage:
    """Files with their scores, and the place behind them; None when there are no more."""

    hits: tuple[tuple[FileRecord, float], ...]
    behind: Place | None
    usage: Usage
    timings: Timings


@dataclass(frozen=True, slots=True)
class Meant:
    """What the catalog says of the files that a search may find.

    Attributes:
        among: Returns those of some ids that are meant.
        ids: Returns about so many ids of those that are meant behind a place, and the next place; empty at the end.
        records: Returns the records of those of some ids that are meant.
    """

    among: Callable[[Sequence[str]], Awaitable[frozenset[str]]]
    ids: Callable[[str, int], Awaitable[tuple[Sequence[str], str]]]
    records: Callable[[Sequence[str]], Awaitable[Mapping[str, FileRecord]]]
