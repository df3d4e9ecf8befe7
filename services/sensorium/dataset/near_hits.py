"""Reads the nearest files from the search service, page by page, as far as the catalog agrees."""

from dataclasses import replace

from sensorium.dataset.documents import is_in_documents
from sensorium.dataset.near_confirmed import Confirmed
from sensorium.dataset.near_page import Meant, NearPage, Place
from sensorium.dataset.search_reading import LARGEST_TOP_K, Wanted
from sensorium.filters.bitmaps import divided
from sensorium.filters.printer import canonical
from sensorium.filters.tree import EVERYTHING
from sensorium.model.dataset_file import FileRecord
from sensorium.model.document import DocumentView
from sensorium.model.embedding import Timings, Usage
from sensorium.model.names import CollectionName
from sensorium.model.search import SearchRequest
from sensorium.ports import Searcher

# So many hits more than asked for are ranked, for those that the catalog does not confirm.
SPARE = 64
NOTHING_ELSE = DocumentView(tags=False, attributes=False)


async def nearest(
    searcher: Searcher, collection: CollectionName, wanted: Wanted, place: Place, meant: Meant
) -> NearPage:
    """Return the page behind `place`."""
    known, unknown = divided(wanted.chosen.part, is_in_documents)
    request = SearchRequest(
        collection,
        wanted.query,
        filter=canonical(known),
        top_k=min(wanted.top_k + SPARE, LARGEST_TOP_K),
        score_threshold=wanted.score_threshold,
        view=NOTHING_ELSE,
    )
    if wanted.chosen.selection.ids or unknown != EVERYTHING:
        return await Confirmed(searcher, request, known, meant).page(wanted, place)
    size = min(wanted.page_size, wanted.top_k - place.rank)
    if size == wanted.top_k and (all_of_it := await _at_once(searcher, replace(request, top_k=size), meant)):
        return all_of_it
    hits: list[tuple[FileRecord, float]] = []
    token, usage, timings = place.token, Usage(), Timings()
    while len(hits) < size:
        found = await searcher.search(replace(request, page_size=size - len(hits), page_token=token))
        records = await meant.records([each.document.id for each in found.hits])
        hits += [(records[each.document.id], each.score) for each in found.hits if each.document.id in records]
        token, usage, timings = found.next_page_token, found.usage, found.timings
        if not token:
            break
    rank = place.rank + len(hits)
    return NearPage(tuple(hits), Place(token, rank) if token and rank < wanted.top_k else None, usage, timings)


async def _at_once(searcher: Searcher, request: SearchRequest, meant: Meant) -> NearPage | None:
    """Return all hits as the one page that there is; None when others must take the place of some.

    Of many files, ranking a few costs a third of what it costs with some to spare.
    """
    found = await searcher.search(request)
    records = await meant.records([each.document.id for each in found.hits])
    if len(records) < len(found.hits) == request.top_k:
        return None
    hits = tuple((records[each.document.id], each.score) for each in found.hits if each.document.id in records)
    return NearPage(hits, None, found.usage, found.timings)
