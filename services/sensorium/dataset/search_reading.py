"""Reads what a search in a version asks for: its fields, and the options that its filter holds."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from sensorium.dataset.file_fields import FIELDS
from sensorium.dataset.jobs.work_check import MOST_IDS
from sensorium.dataset.selecting import Chosen, with_tags
from sensorium.dataset.thumbnail_mode import EXPECTED, read_mode
from sensorium.errors import InvalidArgument, Reason
from sensorium.filters.fault import fault
from sensorium.filters.fields import Field, Fields
from sensorium.filters.parser import Option, parse_query
from sensorium.model.collection import AttributeType
from sensorium.model.content import Content
from sensorium.model.count_check import check_count
from sensorium.model.file_search import FileSearchRequest
from sensorium.model.search import QueryPart

DEFAULT_TOP_K = 10
EVERY_MATCH = sys.maxsize
LARGEST_TOP_K = 10_000
MOST_PARTS = 16
CONTENT, TOP_K, MAX_RESULTS = "Content", "TopK", "MaxResults"
SCORE_THRESHOLD, THUMBNAIL_MODE = "ScoreThreshold", "ThumbnailMode"
# As PAI names them.
OPTIONS = Fields(
    (
        Field(CONTENT, AttributeType.STRING, CONTENT),
        Field(TOP_K, AttributeType.INT, TOP_K),
        Field(MAX_RESULTS, AttributeType.INT, MAX_RESULTS),
        Field(SCORE_THRESHOLD, AttributeType.DOUBLE, SCORE_THRESHOLD),
        Field(THUMBNAIL_MODE, AttributeType.STRING, THUMBNAIL_MODE),
    )
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search that can be run.

    Attributes:
        chosen: Which files may be found; the filter of its selection is read, and counts no more.
        top_k: The most hits of all pages; where nothing is looked for, and nothing else was said, all that match.
        page_size: At least 1.
    """

    chosen: Chosen
    query: tuple[QueryPart, ...]
    top_k: int
    page_size: int
    score_threshold: float | None
    thumbnail_mode: str


def read_search(request: FileSearchRequest, largest_page: int) -> Wanted:
    """Return what a request asks for.

    Raises:
        InvalidArgument: A field is out of range; FILTER_INVALID with the column.
    """
    if request.selection.ids:
        check_count("selection.names", len(request.selection.ids), MOST_IDS)
    if request.page_size < 0:
        raise InvalidArgument(f"page_size: {request.page_size} is negative", field="page_size")
    read = parse_query(request.selection.filter, FIELDS, OPTIONS)
    said = _Options(request.selection.filter, {each.field.name: each for each in read.options})
    words = said.text(CONTENT)
    query = (*request.query, *([QueryPart(Content.of_text(words))] if words else []))
    _check_query(query)
    top_k = _checked_top_k(said.whole(TOP_K, request.top_k, "top_k", LARGEST_TOP_K))
    size = said.whole(MAX_RESULTS, request.page_size, "page_size", largest_page)
    return Wanted(
        Chosen(request.selection, with_tags(read.filter, request.selection.tags)),
        query,
        top_k or (max(DEFAULT_TOP_K, size) if query else EVERY_MATCH),
        min(size or top_k or DEFAULT_TOP_K, largest_page),
        _finite(said.threshold(request.score_threshold)),
        said.mode(),
    )


class _Options:
    """The options of one filter by name; errors point at their values."""

    def __init__(self, text: str, options: Mapping[str, Option]) -> None:
        self._text = text
        self._options = options

    def text(self, name: str) -> str:
        option = self._options.get(name)
        if option and not str(option.value).strip():
            raise fault(self._text, option.position, f"{name} is empty", "words to look for")
        return str(option.value) if option else ""

    def whole(self, name: str, given: int, field: str, largest: int) -> int:
        """Return an option between 1 and `largest`, else what the request gave."""
        option = self._options.get(name)
        if option is None:
            return given
        self._check_alone(option, field, is_given=bool(given))
        number = int(str(option.value))
        if not 1 <= number <= largest:
            raise fault(self._text, option.position, f"{name} is out of range", f"1 to {largest}")
        return number

    def threshold(self, given: float | None) -> float | None:
        option = self._options.get(SCORE_THRESHOLD)
        if option is None:
            return given
        self._check_alone(option, "score_threshold", is_given=given is not None)
        return float(str(option.value))

    def mode(self) -> str:
        option = self._options.get(THUMBNAIL_MODE)
        if option is None:
            return ""
        try:
            read_mode(str(option.value) or "-")
        except InvalidArgument:
            raise fault(self._text, option.position, f"{THUMBNAIL_MODE} is unknown", EXPECTED) from None
        return str(option.value)

    def _check_alone(self, option: Option, field: str, *, is_given: bool) -> None:
        if is_given:
            raise fault(self._text, option.position, f"{option.field.name} is said by the field {field} already")


def _check_query(query: tuple[QueryPart, ...]) -> None:
    if len(query) > MOST_PARTS:
        raise InvalidArgument(
            f"query: {len(query)} parts, the limit is {MOST_PARTS}",
            reason=Reason.TOO_MANY_ITEMS,
            field="query",
            metadata={"limit": str(MOST_PARTS), "actual": str(len(query))},
        )


def _checked_top_k(top_k: int) -> int:
    if not 0 <= top_k <= LARGEST_TOP_K:
        raise InvalidArgument(f"top_k: {top_k} is not between 0 and {LARGEST_TOP_K}", field="top_k")
    return top_k


def _finite(threshold: float | None) -> float | None:
    if threshold is not None and not math.isfinite(threshold):
        raise InvalidArgument(f"score_threshold: {threshold} is not finite", field="score_threshold")
    return threshold
