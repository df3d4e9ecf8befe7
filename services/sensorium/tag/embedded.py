"""Puts the tag service together: its definitions in one SQLite file of the data directory."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sensorium.ports import Embedder, SimilarityTagger
from sensorium.settings import TagSettings
from sensorium.storage.sqlite_file import SqliteFile
from sensorium.storage.store import Store
from sensorium.storage.workers import Workers
from sensorium.tag.service import TagService
from sensorium.tag.similarity import SimilarityTagging

STORE_FILE = "tag.sqlite3"
MIGRATIONS = Path(__file__).parent / "migrations"


@asynccontextmanager
async def embedded_tagging(data_dir: Path, settings: TagSettings, embedder: Embedder) -> AsyncIterator[TagService]:
    """Give a tag service that keeps its definitions in `tag.sqlite3` of `data_dir`, which is made when missing.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: another process works on it, or a later release wrote it.
        DataLoss: The store is damaged.
    """
    store = Store(
        "tag",
        SqliteFile(data_dir / STORE_FILE, settings.min_free_bytes),
        MIGRATIONS,
        threads=settings.read_threads,
        queue_reads=settings.queue_reads,
        queue_rows=settings.queue_writes,
    )
    async with store, TagService(store, embedder, settings) as service:
        yield service


@contextmanager
def similarity_taggers(settings: TagSettings) -> Iterator[Callable[[Embedder], SimilarityTagger]]:
    """Give what makes a tagger of any embedder; all of them score in one thread."""
    scorers = Workers("tag-connected", 1, settings.queue_reads)
    try:
        yield lambda embedder: SimilarityTagging(embedder, scorers, settings)
    finally:
        scorers.close()
