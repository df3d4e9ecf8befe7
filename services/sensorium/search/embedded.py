"""Puts the embedded search service together: one data directory, SQLite as the truth, zvec as the index."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sensorium.search.index import Indexes
from sensorium.search.library import Library
from sensorium.search.service import SearchService
from sensorium.search.snapshot_shelf import SnapshotShelf
from sensorium.search.zvec_index import ZvecIndexes
from sensorium.settings import SearchSettings
from sensorium.storage.sqlite_file import SqliteFile
from sensorium.storage.store import Store

STORE_FILE = "search.sqlite3"
MIGRATIONS = Path(__file__).parent / "migrations"


@asynccontextmanager
async def embedded_search(
    data_dir: Path, settings: SearchSettings, indexes: Indexes | None = None
) -> AsyncIterator[SearchService]:
    """Give a search service that keeps everything below `data_dir`.

    Args:
        data_dir: Holds `search.sqlite3`, `search/index` and `search/snapshots`; made when it does not exist.
        settings: Limits, queues and threads.
        indexes: Opens vector indexes; zvec's by default.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: another process works on `data_dir`, or a later release wrote it.
        DataLoss: The store is damaged.
    """
    chosen = indexes or ZvecIndexes(
        data_dir / "search" / "index",
        optimise_threads=settings.optimize_threads,
        search_threads=settings.search_threads,
    )
    store = Store(
        "search",
        SqliteFile(data_dir / STORE_FILE, settings.min_free_bytes),
        MIGRATIONS,
        threads=settings.search_threads,
        queue_reads=settings.queue_searches,
        queue_rows=settings.queue_documents,
    )
    async with store:
        library = Library(
            store,
            chosen,
            flush_after=settings.flush_after,
            optimise_after=settings.optimize_after,
            optimise_at=settings.optimize_at,
        )
        shelf = SnapshotShelf(store, data_dir / "search" / "snapshots", settings.max_page_size)
        async with SearchService(store, library, shelf, settings) as service:
            yield service
