"""Searches in versions: what their port promises, on the catalog and the search service."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, func, select

from sensorium.dataset import file_facets, files, versions
from sensorium.dataset.documents import is_in_documents
from sensorium.dataset.file_finder import FileFinder
from sensorium.dataset.file_order import FilePlace, Span
from sensorium.dataset.jobs.signals import Signals
from sensorium.dataset.jobs.version_files import OpenVersion
from sensorium.dataset.model_services.sources import ModelSources
from sensorium.dataset.near_hits import nearest
from sensorium.dataset.near_page import Meant, Place
from sensorium.dataset.near_twins import near_twins
from sensorium.dataset.projector import OUTBOX, SENT
from sensorium.dataset.query_media import names_objects, with_objects
from sensorium.dataset.search_places import hits_mark, hits_place, twins_place
from sensorium.dataset.search_reading import Wanted, read_search
from sensorium.dataset.selecting import Chosen, filter_of
from sensorium.dataset.tables import files as table
from sensorium.dataset.tables import outbox
from sensorium.errors import FailedPrecondition, InvalidArgument, NotFound, Reason
from sensorium.filters.bitmaps import divided
from sensorium.filters.printer import canonical
from sensorium.filters.tree import EVERYTHING
from sensorium.model.content import Content, Modality
from sensorium.model.dataset_file import BY_URI, EVERY_FILE, FileRecord, FileSelection, FileStatistics
from sensorium.model.dataset_names import VersionName, file_id_of
from sensorium.model.embedding import Calibration, Timings, Usage
from sensorium.model.file_search import FileHit, FileSearchRequest, FileSearchResponse, NearDuplicateGroup
from sensorium.model.names import CollectionName
from sensorium.model.search import Page, QueryPart, SearchPlan, SearchRequest
from sensorium.model.vector import Metric
from sensorium.ports import Searcher
from sensorium.settings import DatasetSettings
from sensorium.storage import list_pages, moments
from sensorium.storage.store import Store

DEFAULT_LEAST_SCORE = 0.97


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of one page, and the place behind them; None on the last page."""

    hits: tuple[FileHit, ...]
    behind: Place | None
    usage: Usage = Usage()
    timings: Timings = Timings()


class FileSearchService:
    """Finds the files of versions; implements `dataset_ports.FileSearches`.

    The catalog has the last word: a hit is returned only if its record satisfies the filter, and what was counted was
    counted there. What the search service has not heard of yet is sent before a search that looks for something.

    Args:
        store: An open catalog.
        searcher: Finds documents by vectors, and knows collections.
        sources: Gives what embeds queries: what embedded the files of the version.
        signals: Wakes the projector, and is told by it.
        opened: Opens the storage of a version.
        limits: What requests may hold.
        finder: Finds and counts files.
    """

    def __init__(
        self,
        store: Store,
        searcher: Searcher,
        sources: ModelSources,
        *,
        signals: Signals,
        opened: OpenVersion,
        limits: DatasetSettings,
        finder: FileFinder,
    ) -> None:
        self._store = store
        self._searcher = searcher
        self._sources = sources
        self._signals = signals
        self._opened = opened
        self._limits = limits
        self._finder = finder

    async def search(self, request: FileSearchRequest) -> FileSearchResponse:
        """Return the files nearest to the query, or without one those that match, by URI.

        Raises:
            NotFound: There is no such version, or no file that the query refers to.
            InvalidArgument: A field, the filter or the page token is wrong.
            FailedPrecondition: STATE_UNFIT: something is looked for, and the version is not indexed.
        """
        started = time.monotonic()
        wanted = read_search(request, self._limits.max_page_size)
        file_facets.check(request.facets)
        place = hits_place(request)

        def count(sql: Connection) -> FileStatistics:
            row = versions.row_of(sql, request.version)
            return self._finder.statistics(sql, row, wanted.chosen, request.facets)

        counted = await self._store.read(count)
        found = await (self._nearest if wanted.query else self._listed)(request.version, wanted, place)
        token = list_pages.encode([hits_mark(request), *found.behind.written()]) if found.behind else ""
        timings = replace(found.timings, total_ms=(time.monotonic() - started) * 1000)
        return FileSearchResponse(
            found.hits, counted.facets, token, found.usage, timings, counted.file_count, wanted.thumbnail_mode
        )

    async def explain(self, request: FileSearchRequest) -> SearchPlan:
        """Return how a search would run, without running it. Raises as `search`."""
        wanted = read_search(request, self._limits.max_page_size)
        file_facets.check(request.facets)
        part = wanted.chosen.part
        row = await self._store.read(lambda sql: versions.row_of(sql, request.version))
        counted = await self._store.read(lambda sql: self._finder.statistics(sql, row, wanted.chosen))
        steps = [f"the catalog counts the files that match: {counted.file_count:,}"]
        if wanted.query:
            collection = _collection(row, request.version)
            known, unknown = divided(part, is_in_documents)
            plan = await self._searcher.explain(
                SearchRequest(collection, (), filter=canonical(known), top_k=wanted.top_k)
            )
            steps += [f"the query becomes one vector, parts: {len(wanted.query)}", *plan.steps]
            if unknown != EVERYTHING:
                steps.append(f"the catalog says of which files this holds too: {canonical(unknown)}")
            steps.append("hits whose records do not satisfy the filter are dropped, and others taken")
        else:
            steps.append("nothing is looked for: the catalog lists the files that match, by URI")
        if request.facets:
            steps.append(f"the catalog counts the values of {', '.join(each.field for each in request.facets)}")
        return SearchPlan(canonical(part), tuple(steps), counted.file_count)

    async def near_duplicates(
        self, version: VersionName, page_size: int, page_token: str, selection: FileSelection = EVERY_FILE,
        least_score: float = 0.0,
    ) -> Page[NearDuplicateGroup]:  # fmt: skip
        """Return a page of the groups of indexed files that are almost the same, largest group first.

        Raises:
            NotFound: There is no such version.
            InvalidArgument: A field, the filter or the page token is wrong, or too many files are selected.
            FailedPrecondition: STATE_UNFIT: the version is not indexed.
        """
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        if not 0 <= least_score <= 1:
            raise InvalidArgument(f"least_score: {least_score} is not between 0 and 1", field="least_score")
        mark = list_pages.request_mark("near duplicates", version, selection, least_score)
        after = twins_place(page_token, mark)
        chosen = Chosen(selection, filter_of(selection))
        row = await self._store.read(lambda sql: versions.row_of(sql, version))
        collection = _collection(row, version)
        await self._level(collection)
        keys = await self._store.read(lambda sql: self._indexed(sql, row.key, chosen))
        groups = await near_twins(self._searcher, collection, keys, least_score or DEFAULT_LEAST_SCORE)
        shown = [each for each in groups if (-len(each.ids), each.ids[0]) > after]
        records = await self._records(version, chosen, [identifier for each in shown[:size] for identifier in each.ids])
        found = tuple(
            NearDuplicateGroup(tuple(records[each] for each in twins.ids if each in records), twins.least_score)
            for twins in shown[:size]
        )
        last = shown[size - 1] if len(shown) > size else None
        return Page(found, list_pages.encode([mark, -len(last.ids), last.ids[0]]) if last else "")

    async def _listed(self, version: VersionName, wanted: Wanted, place: Place) -> Found:
        """Return a page of the files that match, by URI."""
        size = min(wanted.page_size, wanted.top_k - place.rank)

        def read(sql: Connection) -> tuple[list[FileRecord], list[Row[Any]]]:
            row = versions.row_of(sql, version)
            behind = FilePlace(place.token) if place.token else None
            rows = self._finder.page(sql, row, wanted.chosen, Span(BY_URI, behind, size + 1))
            return files.records(sql, version, rows[:size]), rows

        found, rows = await self._store.read(read)
        hits = tuple(FileHit(each, 0.0, place.rank + at) for at, each in enumerate(found, 1))
        more = len(rows) > size and place.rank + size < wanted.top_k
        return Found(hits, Place(found[-1].uri, place.rank + size) if more else None)

    async def _nearest(self, version: VersionName, wanted: Wanted, place: Place) -> Found:
        """Return a page of the nearest files."""
        row = await self._store.read(lambda sql: versions.row_of(sql, version))
        name = _collection(row, version)
        if names_objects(wanted.query):
            wanted = replace(wanted, query=await with_objects(await self._opened(row.key), wanted.query))
        collection = await self._searcher.get_collection(name)
        calibrated = collection.metric is Metric.COSINE and all(map(_is_words, wanted.query))
        fitted = await self._calibrations(collection.model) if calibrated else {}
        searcher = await self._sources.searcher(collection.model)
        await self._level(name)
        page = await nearest(searcher, name, wanted, place, self._meant(version, wanted.chosen))
        hits = tuple(
            FileHit(file, score, place.rank + at, _relevance(score, fitted.get(file.file_type)))
            for at, (file, score) in enumerate(page.hits, 1)
        )
        return Found(hits, page.behind, page.usage, page.timings)

    async def _calibrations(self, model: str) -> dict[str, Calibration]:
        """Return the model's calibrations by the type of file that they are for."""
        try:
            info = await (await self._sources.embedder(model)).model(model)
            return {each.modality.value: each for each in info.calibrations}
        except NotFound:  # The model is served no more; vectors can be looked for all the same.
            return {}

    async def _level(self, collection: CollectionName) -> None:
        """Wait until the search service has what the catalog knew of when this began, but not for ever."""
        mine = outbox.c.collection == str(collection)
        newest = select(outbox.c.seq).where(mine).order_by(outbox.c.seq.desc()).limit(1)
        last = await self._store.read(lambda sql: sql.execute(newest).scalar_one_or_none())
        if last is None:
            return
        waiting = select(func.count()).where(mine, outbox.c.seq <= last)

        def behind(sql: Connection) -> bool:
            return sql.execute(waiting).scalar_one() > 0

        until = moments.now() + self._limits.level_seconds * 1e6
        while moments.now() < until and await self._store.read(behind):
            self._signals.tell(OUTBOX)
            await self._signals.changed(SENT, min(0.2, self._limits.level_seconds))

    def _meant(self, version: VersionName, chosen: Chosen) -> Meant:
        """Return what the catalog says of the files that a search may find."""

        def of(sql: Connection, ids: Sequence[str]) -> frozenset[str]:
            mine = chosen.of(versions.row_of(sql, version).key)
            return frozenset(sql.execute(select(table.c.id).where(mine, table.c.id.in_(ids))).scalars())

        def some(sql: Connection, after: str, size: int) -> tuple[Sequence[str], str]:
            uris, last = self._finder.uris(sql, versions.row_of(sql, version), chosen, after, size)
            return [file_id_of(uri) for uri in uris], last

        return Meant(
            lambda ids: self._store.read(lambda sql: of(sql, ids)),
            lambda after, size: self._store.read(lambda sql: some(sql, after, size)),
            lambda ids: self._records(version, chosen, ids),
        )

    async def _records(self, version: VersionName, chosen: Chosen, ids: Sequence[str]) -> dict[str, FileRecord]:
        """Return the records of the files that are meant still, by id."""

        def read(sql: Connection) -> list[FileRecord]:
            row = versions.row_of(sql, version)
            rows = sql.execute(select(table).where(chosen.of(row.key), table.c.id.in_(ids))).all()
            return files.records(sql, version, rows)

        return {each.name.id: each for each in await self._store.read(read)}

    def _indexed(self, sql: Connection, version: int, chosen: Chosen) -> dict[str, int]:
        """Return the sizes of the indexed files that are meant, by id. Raises InvalidArgument for too many."""
        most = self._limits.max_duplicate_files
        wanted = select(table.c.id, table.c.size_bytes).where(chosen.of(version), table.c.index_of != "")
        rows = sql.execute(wanted.limit(most + 1)).all()
        if len(rows) > most:
            raise InvalidArgument(
                f"selection: more than {most:,} files are selected; narrow it by a filter",
                reason=Reason.TOO_MANY_ITEMS,
                field="selection",
                metadata={"limit": str(most)},
            )
        return {row.id: row.size_bytes for row in rows}


def _is_words(part: QueryPart) -> bool:
    """Return whether a part is wanted words: what models are calibrated for."""
    match part:
        case QueryPart(target=Content(parts), weight=weight) if weight > 0:
            return all(each.modality is Modality.TEXT for each in parts)
        case _:
            return False


def _relevance(score: float, calibration: Calibration | None) -> float | None:
    return calibration.probability(score) if calibration else None


def _collection(row: Row[Any], version: VersionName) -> CollectionName:
    if not row.collection:
        raise FailedPrecondition(
            f"{version} is not indexed: run an index job first",
            reason=Reason.STATE_UNFIT,
            metadata={"resource": str(version)},
        )
    return CollectionName.parse(row.collection)
