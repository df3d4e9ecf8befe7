"""What a search found, as a caller of the client sees it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from sensorium.client.documents import Document
from sensorium.model.embedding import Timings, Usage
from sensorium.model.search import SearchResponse


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """One document that was found; `score` is higher for nearer, `rank` counts from 1."""

    document: Document
    score: float
    rank: int


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The documents nearest to a query, nearest first.

    Attributes:
        hits: The hits.
        usage: What embedding the query consumed.
        timings: Where the time went.
    """

    hits: tuple[Hit, ...]
    usage: Usage = Usage()
    timings: Timings = Timings()

    @classmethod
    def from_response(cls, response: SearchResponse) -> Self:
        """Return the hits of one search."""
        hits = (Hit(Document.from_stored(hit.document), hit.score, hit.rank) for hit in response.hits)
        return cls(tuple(hits), response.usage, response.timings)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, index: int) -> Hit:
        return self.hits[index]

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)
