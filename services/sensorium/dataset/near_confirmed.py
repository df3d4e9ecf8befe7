"""Ranks the files that the catalog names or confirms, where documents do not say all that a filter asks.

Few files are named to the search service, and all are scored. Of many, some are among the nearest of those that satisfy
what documents say. If these are not enough, everything that is meant is scored. Scores are exact on each of these ways,
so pages fit together whichever was taken for each.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sensorium.dataset.file_fields import FIELDS
from sensorium.dataset.near_page import Meant, NearPage, Place
from sensorium.dataset.search_reading import LARGEST_TOP_K, Wanted
from sensorium.errors import SensoriumError
from sensorium.filters.printer import canonical
from sensorium.filters.tree import All, Filter, OneOf
from sensorium.model.embedding import Timings, Usage
from sensorium.model.search import SearchRequest, SearchResponse
from sensorium.ports import Searcher
from sensorium.storage import list_pages

# Ids that one filter names: a filter has 8,192 characters at most.
IDS_AT_ONCE = 150
# So many files are scored at a time when all are.
CHUNK = 60 * IDS_AT_ONCE
# Step by step: so many files are few, and all are scored; of more, so many of the nearest are looked through.
STEPS = ((10 * IDS_AT_ONCE, 200), (10 * IDS_AT_ONCE, 2000), (CHUNK, LARGEST_TOP_K))
PAGE = 1000


@dataclass(slots=True)
class Ranking:
    """Files with their scores turned round, so that the nearest is the least, and what finding them cost."""

    scored: list[tuple[float, str]]
    usage: Usage = Usage()
    timings: Timings = Timings()

    def take(self, answer: SearchResponse, meant: Collection[str]) -> None:
        """Take the hits of an answer that are meant."""
        self.scored += [(-each.score, each.document.id) for each in answer.hits if each.document.id in meant]
        self.usage, self.timings = answer.usage, answer.timings

    def behind(self, place: Place) -> list[tuple[float, str]]:
        """Return the files behind a place, nearest first."""
        after = _after(place.token)
        return [each for each in sorted(self.scored) if each > after]


class Confirmed:
    """One search.

    Args:
        searcher: Scores documents.
        request: The search, without a page.
        known: What of its filter documents say.
        meant: Knows the files that satisfy all of it.
    """

    def __init__(self, searcher: Searcher, request: SearchRequest, known: Filter, meant: Meant) -> None:
        self._searcher = searcher
        self._request = request
        self._known = known
        self._meant = meant

    async def page(self, wanted: Wanted, place: Place) -> NearPage:
        """Return the page behind `place`."""
        size, ids = min(wanted.page_size, wanted.top_k - place.rank), wanted.chosen.selection.ids
        ranking = await (self._scored(await self._meant.among(ids)) if ids else self._nearest(size, place))
        ranked = ranking.behind(place)
        shown, rank = ranked[:size], place.rank + min(size, len(ranked))
        records = await self._meant.records([name for _, name in shown])
        more = len(ranked) > len(shown) and rank < wanted.top_k
        behind = Place(f"{shown[-1][0]!r} {shown[-1][1]}", rank) if more else None
        hits = tuple((records[name], -score) for score, name in shown if name in records)
        return NearPage(hits, behind, ranking.usage, ranking.timings)

    async def _nearest(self, size: int, place: Place) -> Ranking:
        """Return the nearest files, of those behind `place` more than `size` if there are."""
        for few, depth in STEPS:
            ids, further = await self._meant.ids("", few)
            if not further:
                return await self._scored(ids)
            ranking, is_enough = await self._looked_through(depth, size, place)
            if is_enough:
                return ranking
        return await self._all()

    async def _looked_through(self, depth: int, size: int, place: Place) -> tuple[Ranking, bool]:
        """Look through the nearest files as far as needed; return whether they are enough, or there are no more."""
        ranking, seen, token = Ranking([]), 0, ""
        while True:
            # What is not the whole ranking has exact scores.
            asked = replace(self._request, top_k=depth, page_size=min(PAGE, depth // 2), page_token=token)
            found = await self._searcher.search(asked)
            ranking.take(found, await self._meant.among([each.document.id for each in found.hits]))
            seen, token = seen + len(found.hits), found.next_page_token
            if len(ranking.behind(place)) > size:
                return ranking, True
            if not token:
                return ranking, seen < depth

    async def _all(self) -> Ranking:
        ranking, further = Ranking([]), ""
        while True:
            ids, further = await self._meant.ids(further, CHUNK)
            some = await self._scored(ids)
            ranking = Ranking(ranking.scored + some.scored, some.usage, some.timings)
            if not further:
                return ranking

    async def _scored(self, ids: Collection[str]) -> Ranking:
        """Return all files with some ids."""
        named, ranking = list(ids), Ranking([])
        parts = [named[start : start + IDS_AT_ONCE] for start in range(0, len(named), IDS_AT_ONCE)]
        asked = [replace(self._request, filter=self._named(part), top_k=len(part)) for part in parts]
        for answer in await self._searcher.batch_search(asked) if asked else ():
            if isinstance(answer, SensoriumError):
                raise answer
            ranking.take(answer, frozenset(named))
        return ranking

    def _named(self, ids: Sequence[str]) -> str:
        field = FIELDS.get("id")
        assert field  # noqa: S101  # Every file has an id.
        named = OneOf(field, tuple(ids))
        return canonical(named if self._known == All() else All((named, self._known)))


def _after(token: str) -> tuple[float, str]:
    if not token:
        return float("-inf"), ""
    score, _, name = token.partition(" ")
    try:
        return float(score), name
    except ValueError:
        raise list_pages.invalid() from None
