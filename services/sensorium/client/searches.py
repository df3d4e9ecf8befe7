"""What a caller may ask of a search beside its query, and how it becomes a request."""

from collections.abc import Sequence
from typing import TypedDict

from sensorium.client.queries import Query, query_parts
from sensorium.model.dataset_file import FileSelection
from sensorium.model.dataset_names import VersionName
from sensorium.model.document import DocumentView
from sensorium.model.file_search import FileSearchRequest
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


class FileSearchOptions(TypedDict, total=False):
    """The options of a search in a version; each may be left out.

    Attributes:
        filter: What files must satisfy.
        tags: The tags that they must have.
        top_k: The most hits of all pages, 10,000 at most; 0 means 10, or `page_size` where that is more, or of a list
            all that match.
        min_score: The least score of a hit; None means no limit.
        facets: Fields to count by, over all that match.
        page_size: The most hits of a page, 1,000 at most; 0 means all `top_k`, or 10 of a list.
        page_token: `next_page_token` of the page before; the rest must be the same.
    """

    filter: str
    tags: TagFilter
    top_k: int
    min_score: float | None
    facets: Sequence[str]
    page_size: int
    page_token: str


def file_search_request(version: VersionName, query: Query, options: FileSearchOptions) -> FileSearchRequest:
    """Return the request for a page."""
    return FileSearchRequest(
        version,
        query_parts(query),
        FileSelection((), options.get("filter", ""), options.get("tags", TagFilter())),
        options.get("top_k", 0),
        options.get("min_score"),
        options.get("page_size", 0),
        options.get("page_token", ""),
        tuple(FacetRequest(field) for field in options.get("facets", ())),
    )


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
