"""What a search found, as a caller of the client sees it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from sensorium.client.documents import Document
from sensorium.model.document import AttributeValue
from sensorium.model.embedding import Timings, Usage
from sensorium.model.search import Facet, SearchResponse
from sensorium.model.search import Hit as FoundHit


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """One document that was found; `score` is higher for nearer, `rank` counts from 1."""

    document: Document
    score: float
    rank: int


@dataclass(frozen=True, slots=True, eq=False)
class HitGroup:
    """The nearest documents that share the value of an attribute; None for those that have none."""

    value: AttributeValue | None
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The documents nearest to a query, nearest first.

    Attributes:
        hits: The hits; none when there are groups.
        groups: The groups, nearest first, when they were asked for.
        facets: The facets that were asked for.
        usage: What embedding the query consumed.
        timings: Where the time went.
    """

    hits: tuple[Hit, ...]
    groups: tuple[HitGroup, ...] = ()
    facets: tuple[Facet, ...] = ()
    usage: Usage = Usage()
    timings: Timings = Timings()

    @classmethod
    def from_response(cls, response: SearchResponse) -> Self:
        """Return the hits of one search."""
        groups = tuple(HitGroup(group.value, _hits(group.hits)) for group in response.groups)
        return cls(_hits(response.hits), groups, response.facets, response.usage, response.timings)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, index: int) -> Hit:
        return self.hits[index]

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)


def _hits(found: Iterable[FoundHit]) -> tuple[Hit, ...]:
    return tuple(Hit(Document.from_stored(hit.document), hit.score, hit.rank) for hit in found)
