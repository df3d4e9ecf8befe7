"""Requests to the search service, and what comes of them."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from sensorium.errors import SensoriumError
from sensorium.model.content import Content
from sensorium.model.document import AttributeValue, Document, DocumentMask, DocumentView
from sensorium.model.embedding import Priority, Timings, Usage
from sensorium.model.names import CollectionName
from sensorium.model.vector import SparseVector, Vector

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TagFilter:
    """A condition on tags; all that is set must hold."""

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents are meant: those that satisfy a filter (docs/filters.md) and a condition on tags."""

    filter: str = ""
    tags: TagFilter = TagFilter()

    @property
    def is_everything(self) -> bool:
        """Whether nothing is asked of them."""
        return not self.filter.strip() and self.tags == TagFilter()


EVERY_DOCUMENT = Selection()


@dataclass(frozen=True, slots=True)
class DocumentReference:
    """A document of the collection whose vector is a part of a query."""

    id: str


@dataclass(frozen=True, slots=True)
class QueryPart:
    """One signed, weighted part of a query."""

    target: Vector | SparseVector | Content | DocumentReference
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class FacetRequest:
    """Asks for the most frequent values of a field over the whole filtered set."""

    field: str
    limit: int = 20


@dataclass(frozen=True, slots=True)
class GroupBy:
    """Asks for groups of hits by an attribute."""

    field: str
    group_size: int = 1


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Asks for the nearest documents; `page_size` 0 means all `top_k` in one page."""

    collection: CollectionName
    query: tuple[QueryPart, ...]
    filter: str = ""
    tags: TagFilter = TagFilter()
    top_k: int = 10
    score_threshold: float | None = None
    page_size: int = 0
    page_token: str = ""
    facets: tuple[FacetRequest, ...] = ()
    group_by: GroupBy | None = None
    view: DocumentView = DocumentView()
    instruction: str = ""
    model: str = ""
    model_revision: str = ""

    @property
    def selection(self) -> Selection:
        """Which documents may be found."""
        return Selection(self.filter, self.tags)


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How a search would run.

    Attributes:
        canonical_filter: The filter and the condition on tags as they were understood.
        steps: The steps in words, first to last.
        match_count: How many documents match.
    """

    canonical_filter: str
    steps: tuple[str, ...]
    match_count: int


@dataclass(frozen=True, slots=True)
class Hit:
    """One document that was found; `score` is higher for nearer, `rank` counts from 1."""

    document: Document
    score: float
    rank: int


@dataclass(frozen=True, slots=True)
class HitGroup:
    """The hits that share the value of an attribute; None for documents without it."""

    value: AttributeValue | None
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Facet:
    """The counts of one field's values, most frequent first, and how many distinct values there are."""

    field: str
    counts: tuple[tuple[AttributeValue, int], ...]
    value_count: int


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """The hits or groups of one page, nearest first."""

    hits: tuple[Hit, ...] = ()
    groups: tuple[HitGroup, ...] = ()
    facets: tuple[Facet, ...] = ()
    next_page_token: str = ""
    usage: Usage = Usage()
    timings: Timings = Timings()


@dataclass(frozen=True, slots=True)
class UpsertRequest:
    """Asks to write documents; a set `model` must be the collection's."""

    collection: CollectionName
    documents: tuple[Document, ...]
    model: str = ""
    model_revision: str = ""
    priority: Priority = Priority.INTERACTIVE


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """Asks to change tags and attributes of documents, whose other fields are not looked at."""

    collection: CollectionName
    documents: tuple[Document, ...]
    mask: DocumentMask = DocumentMask()


@dataclass(frozen=True, slots=True)
class UpsertResponse:
    """None or an error for each document, in order; what is None is durable."""

    outcomes: tuple[SensoriumError | None, ...]
    usage: Usage = Usage()
    timings: Timings = Timings()

    @property
    def written_count(self) -> int:
        """How many documents were written."""
        return self.outcomes.count(None)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list."""

    items: tuple[T, ...]
    next_page_token: str = ""
