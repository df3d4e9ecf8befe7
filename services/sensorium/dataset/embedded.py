"""Puts the dataset service together: its catalog in one SQLite file of the data directory, its jobs in another."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from sensorium.dataset.bitmaps.library import BitmapLibrary
from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.dataset_service import DatasetService
from sensorium.dataset.file_batches import FileBatchService
from sensorium.dataset.file_finder import FileFinder
from sensorium.dataset.file_service import FileService
from sensorium.dataset.jobs.engine import FileWork, JobEngine, Scan
from sensorium.dataset.jobs.export_import import ExportImport
from sensorium.dataset.jobs.export_work import Exporting
from sensorium.dataset.jobs.exporting import StorageExport
from sensorium.dataset.jobs.filling import LogicalExport
from sensorium.dataset.jobs.importing import FileImport
from sensorium.dataset.jobs.indexing import Indexing
from sensorium.dataset.jobs.reconciling import Reconciling
from sensorium.dataset.jobs.reverting import Reverting
from sensorium.dataset.jobs.runner import Advance, DurableRunner, Runner
from sensorium.dataset.jobs.service import JobService
from sensorium.dataset.jobs.signals import Signals
from sensorium.dataset.jobs.tagging import Tagging
from sensorium.dataset.jobs.version_files import opener
from sensorium.dataset.model_services.opening import model_opener
from sensorium.dataset.model_services.sources import ModelSources
from sensorium.dataset.neighbours import Neighbours
from sensorium.dataset.projector import Projector
from sensorium.dataset.search_service import FileSearchService
from sensorium.dataset.vault import opened_vault
from sensorium.dataset.version_copies import VersionCopies
from sensorium.dataset_ports import DatasetPorts
from sensorium.settings import DatasetSettings
from sensorium.storage.store import Store

STORE_FILE = "dataset.sqlite3"
MIGRATIONS = Path(__file__).parent / "migrations"

OpenRunner = Callable[[Path, Advance], AbstractAsyncContextManager[Runner]]


@asynccontextmanager
async def embedded_datasets(
    data_dir: Path, settings: DatasetSettings, neighbours: Neighbours, runner: OpenRunner = DurableRunner
) -> AsyncIterator[DatasetPorts]:
    """Give a dataset service that keeps its catalog in `dataset.sqlite3` of `data_dir`, which is made when missing.

    Jobs that had not ended when the last process did go on.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: another process works on it, a later release wrote it, or the key of its
            secrets cannot be used.
        DataLoss: The store is damaged.
    """
    vault = opened_vault(data_dir)
    store = Store(
        "dataset",
        data_dir / STORE_FILE,
        MIGRATIONS,
        threads=settings.read_threads,
        queue_reads=settings.queue_reads,
        queue_rows=settings.queue_writes,
        min_free_bytes=settings.min_free_bytes,
    )
    async with store, model_opener(settings) as models:
        connections, signals = ConnectionService(store, vault, models, settings), Signals()
        sources = ModelSources(connections, models, neighbours)
        finder = FileFinder(BitmapLibrary(settings.max_bitmap_files))
        opened = opener(store, connections)
        indexing = Indexing(store, opened, neighbours.searcher, sources, connections)
        works: dict[str, FileWork] = {
            "tag": Tagging(opened, neighbours.tagger, sources),
            "index": indexing,
            "revert_tags": Reverting(store),
        }
        exporting = Exporting(
            store, StorageExport(store, opened, connections), LogicalExport(store, settings.max_logical_files)
        )
        scans: dict[str, Scan] = {
            "import": FileImport(store, opened),
            "export": exporting,
            "import_export": ExportImport(store, connections, settings),
            "reconcile": Reconciling(store, neighbours.searcher, indexing),
        }
        engine = JobEngine(
            store,
            scans,
            works,
            signals,
            batch=settings.job_batch,
            lease_seconds=settings.lease_seconds,
            retry_seconds=settings.retry_seconds,
        )
        async with (
            runner(data_dir, engine.advance) as running,
            _following(Projector(store, neighbours.searcher, signals)),
            VersionCopies(store, signals) as copies,
        ):
            jobs = JobService(store, {**works, "export": exporting}, running, signals, settings)
            await jobs.resume_unfinished()
            yield DatasetPorts(
                DatasetService(store, settings, finder, copies),
                connections,
                FileService(store, settings, opened, finder),
                jobs,
                FileSearchService(
                    store,
                    neighbours.searcher,
                    sources,
                    signals=signals,
                    opened=opened,
                    limits=settings,
                    finder=finder,
                ),
                FileBatchService(store, settings, opened),
            )


@asynccontextmanager
async def _following(projector: Projector) -> AsyncIterator[None]:
    task = asyncio.create_task(projector.follow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
