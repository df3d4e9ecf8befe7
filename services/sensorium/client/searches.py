"""What a caller may ask of a search beside its query, and how it becomes a request."""

from collections.abc import Sequence
from typing import TypedDict

from sensorium.client.queries import Query, query_parts
from sensorium.model.document import DocumentView
from sensorium.model.names import CollectionName
from sensorium.model.search import FacetRequest, GroupBy, SearchRequest, TagFilter


class SearchOptions(TypedDict, total=False):
    """The options of a search; each may be left out.

    Attributes:
        top_k: The most hits, or groups; 10 by default.
        min_score: The least score of a hit.
        filter: What documents must satisfy (docs/filters.md), as in `wheels >= 2 AND NOT HAS colour`.
        tags: Tags that documents must have, any or all of them, or must not have.
        facets: Fields, `tags` or declared attributes, whose values are counted over everything that matches.
        facet_limit: The most values of each facet; 20 by default.
        group_by: A declared attribute; there are groups instead of hits then.
        group_size: The most hits of a group; 1 by default.
        instruction: What the search is for, for models that follow instructions.
        with_vectors: Whether hits carry their vectors.
    """

    top_k: int
    min_score: float | None
    filter: str
    tags: TagFilter
    facets: Sequence[str]
    facet_limit: int
    group_by: str
    group_size: int
    instruction: str
    with_vectors: bool


def search_request(collection: CollectionName, query: Query, options: SearchOptions) -> SearchRequest:
    """Return the request for a search."""
    limit, group_by = options.get("facet_limit", 20), options.get("group_by", "")
    return SearchRequest(
        collection,
        query_parts(query),
        filter=options.get("filter", ""),
        tags=options.get("tags", TagFilter()),
        top_k=options.get("top_k", 10),
        score_threshold=options.get("min_score"),
        facets=tuple(FacetRequest(field, limit) for field in options.get("facets", ())),
        group_by=GroupBy(group_by, options.get("group_size", 1)) if group_by else None,
        instruction=options.get("instruction", ""),
        view=DocumentView(embedding=options.get("with_vectors", False)),
    )
