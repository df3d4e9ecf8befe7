"""Searches in a dataset version, and what comes of them."""

from dataclasses import dataclass

from sensorium.model.dataset_file import EVERY_FILE, FileRecord, FileSelection
from sensorium.model.dataset_names import VersionName
from sensorium.model.embedding import Timings, Usage
from sensorium.model.search import Facet, FacetRequest, QueryPart


@dataclass(frozen=True, slots=True)
class FileSearchRequest:
    """Asks for the files nearest to a query, or without one for those that match, by URI.

    A document that a part of the query refers to is a file of the version. `top_k` 0 means 10, or `page_size` where
    that is more; of a list it means all. `page_size` 0 means all `top_k` in one page, else 10. The filter of the
    selection may hold options of the search (docs/datasets.md).
    """

    version: VersionName
    query: tuple[QueryPart, ...] = ()
    selection: FileSelection = EVERY_FILE
    top_k: int = 0
    score_threshold: float | None = None
    page_size: int = 0
    page_token: str = ""
    facets: tuple[FacetRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class FileHit:
    """One file that was found.

    Attributes:
        score: Higher is nearer, cosine -1 to 1; 0 where nothing was looked for.
        rank: Counts from 1.
        relevance: The calibrated probability that it fits, 0 to 1; None where there is none.
    """

    file: FileRecord
    score: float
    rank: int
    relevance: float | None = None


@dataclass(frozen=True, slots=True)
class FileSearchResponse:
    """One page of hits; `match_count` files match the selection, found or not."""

    hits: tuple[FileHit, ...]
    facets: tuple[Facet, ...] = ()
    next_page_token: str = ""
    usage: Usage = Usage()
    timings: Timings = Timings()
    match_count: int = 0
    thumbnail_mode: str = ""


@dataclass(frozen=True, slots=True)
class NearDuplicateGroup:
    """Files that are almost the same, largest first.

    Attributes:
        least_score: The least similarity of a file to the one that is nearest to it in the group, -1 to 1.
    """

    files: tuple[FileRecord, ...]
    least_score: float
