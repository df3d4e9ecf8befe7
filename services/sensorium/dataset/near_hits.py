"""Reads the nearest files from the search service, page by page, as far as the catalog agrees."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sensorium.dataset.file_fields import FIELDS
from sensorium.dataset.search_reading import LARGEST_TOP_K, Wanted
from sensorium.errors import SensoriumError
from sensorium.filters.printer import canonical
from sensorium.filters.tree import All, Filter, OneOf
from sensorium.model.dataset_file import FileRecord
from sensorium.model.document import DocumentView
from sensorium.model.embedding import Timings, Usage
from sensorium.model.names import CollectionName
from sensorium.model.search import SearchRequest
from sensorium.ports import Searcher
from sensorium.storage import list_pages

# So many hits more than asked for are ranked, for those that the catalog does not confirm.
SPARE = 64
# Ids that one filter names: a filter has 8,192 characters at most.
IDS_AT_ONCE = 150
NOTHING_ELSE = DocumentView(tags=False, attributes=False)

Confirm = Callable[[Sequence[str]], Awaitable[Mapping[str, FileRecord]]]


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


async def nearest(
    searcher: Searcher, collection: CollectionName, wanted: Wanted, place: Place, confirm: Confirm
) -> NearPage:
    """Return the page behind `place`; `confirm` returns the records that are meant."""
    request = SearchRequest(
        collection,
        wanted.query,
        filter=canonical(wanted.chosen.part),
        top_k=min(wanted.top_k + SPARE, LARGEST_TOP_K),
        score_threshold=wanted.score_threshold,
        view=NOTHING_ELSE,
    )
    if wanted.chosen.selection.ids:
        return await _among(searcher, request, wanted, place, confirm)
    size = min(wanted.page_size, wanted.top_k - place.rank)
    hits: list[tuple[FileRecord, float]] = []
    token, usage, timings = place.token, Usage(), Timings()
    while len(hits) < size:
        found = await searcher.search(replace(request, page_size=size - len(hits), page_token=token))
        records = await confirm([each.document.id for each in found.hits])
        hits += [(records[each.document.id], each.score) for each in found.hits if each.document.id in records]
        token, usage, timings = found.next_page_token, found.usage, found.timings
        if not token:
            break
    rank = place.rank + len(hits)
    return NearPage(tuple(hits), Place(token, rank) if token and rank < wanted.top_k else None, usage, timings)


async def _among(
    searcher: Searcher, request: SearchRequest, wanted: Wanted, place: Place, confirm: Confirm
) -> NearPage:
    """Return a page of the files that are named, all of which are scored."""
    ids = wanted.chosen.selection.ids
    parts = [ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE)]
    asked = [replace(request, filter=_named(part, wanted.chosen.part), top_k=len(part)) for part in parts]
    scored: list[tuple[float, str]] = []
    usage, timings = Usage(), Timings()
    for answer in await searcher.batch_search(asked):
        if isinstance(answer, SensoriumError):
            raise answer
        scored += [(-each.score, each.document.id) for each in answer.hits]
        usage, timings = answer.usage, answer.timings
    records = await confirm(ids)
    after = _after(place.token)
    ranked = [each for each in sorted(scored) if each[1] in records and each > after]
    shown = ranked[: min(wanted.page_size, wanted.top_k - place.rank)]
    rank = place.rank + len(shown)
    more = len(ranked) > len(shown) and rank < wanted.top_k
    behind = Place(f"{shown[-1][0]!r} {shown[-1][1]}", rank) if more else None
    return NearPage(tuple((records[name], -score) for score, name in shown), behind, usage, timings)


def _named(ids: Sequence[str], part: Filter) -> str:
    field = FIELDS.get("id")
    assert field  # noqa: S101  # Every file has an id.
    named = OneOf(field, tuple(ids))
    return canonical(named if part == All() else All((named, part)))


def _after(token: str) -> tuple[float, str]:
    if not token:
        return float("-inf"), ""
    score, _, name = token.partition(" ")
    try:
        return float(score), name
    except ValueError:
        raise list_pages.invalid() from None
