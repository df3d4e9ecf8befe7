"""One search: from the query's parts to the page of hits that they rank."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sensorium.errors import FailedPrecondition, InvalidArgument, Reason
from sensorium.filters.tree import Filter
from sensorium.model.collection import Collection
from sensorium.model.document import Document, DocumentView
from sensorium.model.search import GroupBy, Hit, HitGroup, SearchRequest, SearchResponse
from sensorium.search import documents, pages, planner
from sensorium.search.collections import StoredCollection
from sensorium.search.exact_scan import Scan
from sensorium.search.facets import check_facets, count_values, value_of
from sensorium.search.groups import Grouping, check_group, group_field
from sensorium.search.index import Nearest, VectorIndex
from sensorium.search.pages import RankCursor
from sensorium.search.query import check_parts
from sensorium.settings import SearchSettings
from sensorium.storage import list_pages

DEFAULT_TOP_K = 10
# Groups are sought among so many hits for each hit that they may show, and among everything if that is too few.
GROUP_DEPTH = 4
BARE = DocumentView(tags=False, attributes=False)
Scored = tuple[Document, float]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One page; `incomplete` when the index named documents that are gone, and there may be others instead."""

    response: SearchResponse
    incomplete: bool


@dataclass(frozen=True, slots=True)
class CheckedSearch:
    """A search of one collection that can be run.

    Attributes:
        request: The request, with its defaults.
        part: What the filter and the condition on tags say.
        vector: What the query looks for, shape [dimension].
        applied_seq: The index holds every change up to this sequence number.
    """

    request: SearchRequest
    part: Filter
    vector: NDArray[np.float32]
    applied_seq: int


def check_request(request: SearchRequest, limits: SearchSettings) -> SearchRequest:
    """Return `request` with its defaults, if it can be searched for whatever the collection.

    Raises:
        InvalidArgument: A field is out of range.
        FailedPrecondition: CONTENT_NOT_EMBEDDED.
        Unimplemented: A part is sparse.
    """
    check_parts(request.query, limits.max_query_parts)
    return with_defaults(request, limits)


def with_defaults(request: SearchRequest, limits: SearchSettings) -> SearchRequest:
    """Return `request` with its defaults, whatever it looks for.

    Raises:
        InvalidArgument: A field is out of range.
    """
    check_facets(request.facets)
    if not 0 <= request.top_k <= limits.max_top_k:
        raise InvalidArgument(f"top_k: {request.top_k} is not between 0 and {limits.max_top_k}", field="top_k")
    if request.score_threshold is not None and not math.isfinite(request.score_threshold):
        raise InvalidArgument(f"score_threshold: {request.score_threshold} is not finite", field="score_threshold")
    top_k = request.top_k or DEFAULT_TOP_K
    if request.group_by:
        check_group(request.group_by, top_k, request.page_size, request.page_token, limits.max_page_size)
    page_size = list_pages.checked_size(request.page_size, limits.max_page_size, default=top_k)
    return replace(request, top_k=top_k, page_size=page_size)


def check_model(collection: Collection, model: str, revision: str) -> None:
    """Refuse vectors of another model.

    Raises:
        FailedPrecondition: MODEL_MISMATCH.
    """
    for what, given, own in (
        ("model", model, collection.model),
        ("model_revision", revision, collection.model_revision),
    ):
        if given and given != own:
            raise FailedPrecondition(
                f"{what}: the collection is bound to {own or 'no model'!r}, not {given!r}",
                reason=Reason.MODEL_MISMATCH,
                field=what,
                metadata={"expected": own, "actual": given},
            )


def rank(
    connection: Connection, stored: StoredCollection, index: VectorIndex | None, search: CheckedSearch, spare: int
) -> Ranked:
    """Return the page that `search` asks for, on a snapshot that must not be older than the index.

    `spare` hits more than `top_k` are fetched, for those that turn out stale.

    Raises:
        InvalidArgument: The page token is wrong, or a field is not declared.
    """
    request = search.request
    scan = Scan(connection, stored, search.part, search.vector, search.applied_seq)
    if request.group_by:
        return _grouped(scan, index, request, request.group_by)
    paged = bool(request.page_token) or request.page_size < request.top_k
    mark = list_pages.request_mark(stored.uid, replace(request, page_size=0, page_token="", view=BARE)) if paged else ""
    cursor = pages.rank_position(request.page_token, mark)
    wanted = request.top_k + spare
    nearest = planner.nearest(planner.plan(index, search.part, wanted), index, scan, wanted)
    found = _alive(scan, nearest, BARE if paged else request.view)
    scored = _rescored(scan, found) if paged else found
    ranked = sorted(_near_enough(scored, request.score_threshold), key=_order)[: request.top_k]
    hits, more = _cut(ranked, cursor, request)
    token = pages.rank_token(mark, RankCursor(hits[-1].score, hits[-1].document.id, hits[-1].rank)) if more else ""
    response = SearchResponse(
        hits=_in_view(connection, stored, hits, request.view) if paged else hits,
        facets=count_values(connection, stored, search.part, request.facets),
        next_page_token=token,
    )
    return Ranked(response, len(found) < min(len(nearest.keys), request.top_k))


def _grouped(scan: Scan, index: VectorIndex | None, request: SearchRequest, group_by: GroupBy) -> Ranked:
    field, size = group_field(group_by, scan.stored.collection), group_by.group_size or 1
    grouping = Grouping(scan, field, request.top_k, size)
    wanted = GROUP_DEPTH * request.top_k * size
    nearest = planner.nearest(planner.plan(index, scan.part, wanted), index, scan, wanted)
    groups = grouping.of(nearest, wanted) or grouping.of_all()
    keys = [key for hits in groups.values() for key, _ in hits]
    by_key = documents.by_keys(scan.connection, scan.stored, keys, request.view, scan.part)
    least = -math.inf if request.score_threshold is None else request.score_threshold
    shown = (
        HitGroup(None if value is None else value_of(field, value), _ranked(by_key, hits, least))
        for value, hits in groups.items()
    )
    facets = count_values(scan.connection, scan.stored, scan.part, request.facets)
    return Ranked(SearchResponse(groups=tuple(each for each in shown if each.hits), facets=facets), incomplete=False)


def _ranked(by_key: Mapping[int, Document], hits: Sequence[tuple[int, float]], least: float) -> tuple[Hit, ...]:
    """Return the hits of one group; ranks count within it."""
    found = [(by_key[key], score) for key, score in hits if key in by_key and score >= least]
    return tuple(Hit(document, score, place) for place, (document, score) in enumerate(sorted(found, key=_order), 1))


def _cut(ranked: list[Scored], cursor: RankCursor | None, request: SearchRequest) -> tuple[tuple[Hit, ...], bool]:
    """Return the hits of one page, and whether there are more."""
    start = cursor.rank if cursor else 0
    rest = [each for each in ranked if _behind(each, cursor)] if cursor else ranked
    shown = rest[: max(0, min(request.page_size, request.top_k - start))]
    hits = tuple(Hit(document, score, place) for place, (document, score) in enumerate(shown, start + 1))
    return hits, bool(hits) and len(shown) < len(rest) and hits[-1].rank < request.top_k


def _alive(scan: Scan, nearest: Nearest, view: DocumentView) -> list[Scored]:
    """Return the documents of the keys that were found; the store has the last word on what satisfies the filter."""
    keys = nearest.keys.tolist()
    by_key = documents.by_keys(scan.connection, scan.stored, keys, view, scan.part)
    if len(by_key) < len(keys):
        stale = [key for key in keys if key not in by_key]
        by_key |= documents.successors(scan.connection, scan.stored, stale, view, scan.part)
    seen: dict[str, Scored] = {}
    for key, score in zip(keys, nearest.scores.tolist(), strict=True):
        if key in by_key:
            seen.setdefault(by_key[key].id, (by_key[key], score))
    return list(seen.values())


def _rescored(scan: Scan, found: list[Scored]) -> list[Scored]:
    """Return the hits with exact scores: pages must agree on them, however each of them was found."""
    stored = documents.components(scan.connection, scan.stored, [document.id for document, _ in found])
    if not found:
        return []
    exact = scan.scored([stored[document.id] for document, _ in found]).tolist()
    return [(document, score) for (document, _), score in zip(found, exact, strict=True)]


def _near_enough(found: list[Scored], threshold: float | None) -> list[Scored]:
    return found if threshold is None else [each for each in found if each[1] >= threshold]


def _order(each: Scored) -> tuple[float, str]:
    return -each[1], each[0].id


def _behind(each: Scored, cursor: RankCursor) -> bool:
    return _order(each) > (-cursor.score, cursor.id)


def _in_view(
    connection: Connection, stored: StoredCollection, hits: tuple[Hit, ...], view: DocumentView
) -> tuple[Hit, ...]:
    whole = documents.by_ids(connection, stored, [hit.document.id for hit in hits], view)
    return tuple(replace(hit, document=whole[hit.document.id]) for hit in hits)
