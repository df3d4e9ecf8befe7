"""The search service on a temporary directory, with each engine."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sensorium.search.embedded import embedded_search
from sensorium.search.exact_index import ExactIndexes
from sensorium.search.index import Indexes
from sensorium.search.service import SearchService
from sensorium.search.zvec_index import ZvecIndexes
from sensorium.settings import SearchSettings

ENGINES: dict[str, Callable[[Path], Indexes]] = {
    "zvec": lambda directory: ZvecIndexes(directory / "search" / "index", optimise_threads=1, search_threads=2),
    "exact": lambda _directory: ExactIndexes(),
}


@pytest.fixture(params=sorted(ENGINES))
def indexes(request: pytest.FixtureRequest, tmp_path: Path) -> Indexes:
    return ENGINES[request.param](tmp_path)


@pytest.fixture
async def service(indexes: Indexes, tmp_path: Path) -> AsyncIterator[SearchService]:
    async with embedded_search(tmp_path, SearchSettings(), indexes) as service:
        yield service
