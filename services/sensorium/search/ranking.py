"""One search: from the query's parts to the page of hits that they rank."""

import math
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from sensorium.errors import FailedPrecondition, InvalidArgument, Reason, Unimplemented
from sensorium.model.collection import Collection
from sensorium.model.document import Document, DocumentView
from sensorium.model.search import Hit, SearchRequest, SearchResponse, TagFilter
from sensorium.search import documents, pages
from sensorium.search.collections import StoredCollection
from sensorium.search.index import Nearest, VectorIndex
from sensorium.search.pages import RankCursor
from sensorium.search.query import check_parts, query_vector, references
from sensorium.settings import SearchSettings
from sensorium.storage import list_pages

DEFAULT_TOP_K = 10
BARE = DocumentView(tags=False, attributes=False)
Scored = tuple[Document, float]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One page; `incomplete` when the index named documents that are gone, and there may be others instead."""

    response: SearchResponse
    incomplete: bool


def check_request(request: SearchRequest, limits: SearchSettings) -> SearchRequest:
    """Return `request` with its defaults, if it can be searched for whatever the collection.

    Raises:
        InvalidArgument: A field is out of range.
        FailedPrecondition: CONTENT_NOT_EMBEDDED.
        Unimplemented: It asks for what is not built.
    """
    _refuse_unbuilt(request)
    check_parts(request.query, limits.max_query_parts)
    if not 0 <= request.top_k <= limits.max_top_k:
        raise InvalidArgument(f"top_k: {request.top_k} is not between 0 and {limits.max_top_k}", field="top_k")
    if request.score_threshold is not None and not math.isfinite(request.score_threshold):
        raise InvalidArgument(f"score_threshold: {request.score_threshold} is not finite", field="score_threshold")
    top_k = request.top_k or DEFAULT_TOP_K
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
    connection: Connection, stored: StoredCollection, index: VectorIndex, request: SearchRequest, spare: int
) -> Ranked:
    """Return the page that `request` (checked) asks for.

    `spare` hits more than `top_k` are fetched, for those that turn out stale.

    Raises:
        InvalidArgument: A vector or the page token is wrong.
        NotFound: The query refers to a document that does not exist.
    """
    wanted = references(request.query)
    components = documents.components(connection, stored, wanted) if wanted else {}
    vector = query_vector(request.query, stored.collection, components)
    paged = bool(request.page_token) or request.page_size < request.top_k
    mark = list_pages.request_mark(stored.uid, replace(request, page_size=0, page_token="", view=BARE)) if paged else ""
    cursor = pages.rank_position(request.page_token, mark)
    nearest = index.search(vector, request.top_k + spare)
    found = _alive(connection, stored, nearest, BARE if paged else request.view)
    ranked = sorted(_near_enough(found, request.score_threshold), key=_order)[: request.top_k]
    hits, more = _cut(ranked, cursor, request)
    token = pages.rank_token(mark, RankCursor(hits[-1].score, hits[-1].document.id, hits[-1].rank)) if more else ""
    response = SearchResponse(hits=_in_view(connection, stored, hits, request.view) if paged else hits)
    incomplete = len(found) < min(len(nearest.keys), request.top_k)
    return Ranked(replace(response, next_page_token=token), incomplete)


def _cut(ranked: list[Scored], cursor: RankCursor | None, request: SearchRequest) -> tuple[tuple[Hit, ...], bool]:
    """Return the hits of one page, and whether there are more."""
    start = cursor.rank if cursor else 0
    rest = [each for each in ranked if _behind(each, cursor)] if cursor else ranked
    shown = rest[: max(0, min(request.page_size, request.top_k - start))]
    hits = tuple(Hit(document, score, place) for place, (document, score) in enumerate(shown, start + 1))
    return hits, bool(hits) and len(shown) < len(rest) and hits[-1].rank < request.top_k


def _alive(connection: Connection, stored: StoredCollection, nearest: Nearest, view: DocumentView) -> list[Scored]:
    keys = nearest.keys.tolist()
    by_key = documents.by_keys(connection, stored, keys, view)
    if len(by_key) < len(keys):
        stale = [key for key in keys if key not in by_key]
        by_key |= documents.successors(connection, stored, stale, view)
    seen: dict[str, Scored] = {}
    for key, score in zip(keys, nearest.scores.tolist(), strict=True):
        if key in by_key:
            seen.setdefault(by_key[key].id, (by_key[key], score))
    return list(seen.values())


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


def _refuse_unbuilt(request: SearchRequest) -> None:
    asked = {
        "filter": bool(request.filter),
        "tags": request.tags != TagFilter(),
        "facets": bool(request.facets),
        "group_by": request.group_by is not None,
    }
    for field, is_set in asked.items():
        if is_set:
            raise Unimplemented(f"{field}: it is not built yet: see docs/roadmap.md", field=field)
