"""Puts the dataset service together: its catalog and its jobs in SQLite, or in a PostgreSQL that several share."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sensorium.dataset.bitmaps.keeper import BitmapKeeper
from sensorium.dataset.bitmaps.library import BitmapLibrary
from sensorium.dataset.bitmaps.shelf import BitmapShelf
from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.dataset_service import DatasetService
from sensorium.dataset.file_batches import FileBatchService
from sensorium.dataset.file_finder import FileFinder
from sensorium.dataset.file_service import FileService
from sensorium.dataset.jobs.document_check import DocumentCheck
from sensorium.dataset.jobs.engine import FileWork, JobEngine, Plan, Scan
from sensorium.dataset.jobs.export_import import ExportImport
from sensorium.dataset.jobs.export_work import Exporting
from sensorium.dataset.jobs.exporting import StorageExport
from sensorium.dataset.jobs.filling import LogicalExport
from sensorium.dataset.jobs.importing import FileImport
from sensorium.dataset.jobs.indexing import Indexing, indexed_before
from sensorium.dataset.jobs.joining import Joining
from sensorium.dataset.jobs.plans.export_import_plan import ExportImportPlan
from sensorium.dataset.jobs.plans.export_plan import ExportPlan
from sensorium.dataset.jobs.plans.foreseen import Foreseeing
from sensorium.dataset.jobs.plans.import_plan import ImportPlan
from sensorium.dataset.jobs.plans.reconcile_plan import ReconcilePlan
from sensorium.dataset.jobs.plans.revert_plan import RevertPlan
from sensorium.dataset.jobs.plans.selection_plan import SelectionPlan
from sensorium.dataset.jobs.reconciling import Reconciling
from sensorium.dataset.jobs.reverting import Reverting
from sensorium.dataset.jobs.runner import Advance, DurableRunner, Executor, Runner
from sensorium.dataset.jobs.service import JobService
from sensorium.dataset.jobs.signals import Signals
from sensorium.dataset.jobs.tagging import Tagging, tagged_before
from sensorium.dataset.jobs.version_files import opener
from sensorium.dataset.model_services.opening import model_opener
from sensorium.dataset.model_services.sources import ModelSources
from sensorium.dataset.neighbours import Neighbours
from sensorium.dataset.object_service import ObjectService
from sensorium.dataset.projector import Projector
from sensorium.dataset.search_service import FileSearchService
from sensorium.dataset.thumbnail_cache import ThumbnailCache
from sensorium.dataset.thumbnail_service import ThumbnailService
from sensorium.dataset.vault import KEY_FILE, opened_vault
from sensorium.dataset.version_copies import VersionCopies
from sensorium.dataset_ports import DatasetPorts
from sensorium.settings import DatasetSettings
from sensorium.storage.database import Database
from sensorium.storage.postgres import Postgres
from sensorium.storage.sqlite_file import SqliteFile
from sensorium.storage.store import Store
from sensorium.storage.workers import Workers

STORE_FILE = "dataset.sqlite3"
JOBS_FILE = "jobs.sqlite3"
ONLY_WORKER = "dataset"
THUMBNAILS = "thumbnails"
BITMAPS = "bitmaps"
PAINTERS = 2
MIGRATIONS = Path(__file__).parent / "migrations"

OpenRunner = Callable[[Executor, Advance], AbstractAsyncContextManager[Runner]]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the catalog is, which process this is there, and whether there are others."""

    database: Database
    executor: Executor
    is_shared: bool


@asynccontextmanager
async def embedded_datasets(
    data_dir: Path, settings: DatasetSettings, neighbours: Neighbours, runner: OpenRunner = DurableRunner
) -> AsyncIterator[DatasetPorts]:
    """Give a dataset service that keeps its catalog in `dataset.sqlite3` of `data_dir`, or where the settings say.

    Jobs that had not ended when the last process did go on; those of other processes on the same catalog are shared.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: another process works on it or has this one's name, a later release wrote it,
            or the key of its secrets cannot be used.
        DataLoss: The store is damaged.
        Unavailable: The database does not answer.
    """
    vault = opened_vault(settings.key_file or data_dir / KEY_FILE)
    place = _place(data_dir, settings)
    store = Store(
        "dataset",
        place.database,
        MIGRATIONS,
        threads=settings.read_threads,
        queue_reads=settings.queue_reads,
        queue_rows=settings.queue_writes,
    )
    async with store, model_opener(settings) as models:
        connections, signals = ConnectionService(store, vault, models, settings), Signals()
        sources = ModelSources(connections, models, neighbours)
        shelf = BitmapShelf(data_dir / BITMAPS, place.executor.name, settings.min_free_bytes)
        library = BitmapLibrary(settings.max_bitmap_files, shelf)
        finder = FileFinder(library)
        opened = opener(store, connections)
        indexing = Indexing(store, opened, neighbours.searcher, sources, connections)
        tagging, reverting = Tagging(opened, neighbours.tagger, sources), Reverting(store)
        works: dict[str, FileWork] = {"tag": tagging, "index": indexing, "revert_tags": reverting}
        to_version = LogicalExport(store, settings.max_logical_files)
        exporting = Exporting(store, StorageExport(store, opened, connections), to_version)
        check = DocumentCheck(store, neighbours.searcher)
        scans: dict[str, Scan] = {
            "import": FileImport(store, opened),
            "export": exporting,
            "import_export": ExportImport(store, connections, settings),
            "reconcile": Reconciling(store, neighbours.searcher, check, indexing),
        }
        foreseeing: dict[str, Foreseeing] = {
            "tag": SelectionPlan(store, tagging, tagging.pinned, tagged_before),
            "index": SelectionPlan(store, indexing, indexing.checked, indexed_before),
            "revert_tags": RevertPlan(store, reverting),
            "import": ImportPlan(store, opened),
            "export": ExportPlan(store, exporting, to_version, connections),
            "import_export": ExportImportPlan(store, connections, settings),
            "reconcile": ReconcilePlan(store, check),
        }
        engine = JobEngine(
            store,
            scans,
            works,
            signals,
            worker=place.executor.name,
            batch=settings.job_batch,
            lease_seconds=settings.lease_seconds,
            retry_seconds=settings.retry_seconds,
        )
        await engine.forget_leases()
        async with (
            runner(place.executor, engine.advance) as running,
            _doing(Projector(store, neighbours.searcher, signals).follow()),
            VersionCopies(store, settings.lease_seconds if place.is_shared else 0) as copies,
            BitmapKeeper(store, library, shelf),
            AsyncExitStack() as shared,
            _painters(settings.queue_thumbnails) as painters,
        ):
            plans: dict[str, Plan] = {**works, "export": exporting}
            jobs = JobService(store, plans, foreseeing, running, signals=signals, limits=settings)
            await jobs.resume_unfinished()
            if place.is_shared:
                await shared.enter_async_context(_doing(Joining(store, running).follow()))
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
                ThumbnailService(
                    store,
                    opened,
                    cache=ThumbnailCache(data_dir / THUMBNAILS, settings.thumbnail_cache_bytes),
                    workers=painters,
                    max_pixels=settings.max_thumbnail_pixels,
                ),
                ObjectService(store, connections),
            )
        await engine.forget_leases()


def _place(data_dir: Path, settings: DatasetSettings) -> _Place:
    if url := settings.database_url.get_secret_value():
        worker = settings.worker or socket.gethostname()
        return _Place(Postgres(url, worker), Executor(url, worker), is_shared=True)
    file = SqliteFile(data_dir / STORE_FILE, settings.min_free_bytes)
    worker = settings.worker or ONLY_WORKER
    return _Place(file, Executor(f"sqlite:///{data_dir / JOBS_FILE}", worker), is_shared=False)


@asynccontextmanager
async def _doing(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _painters(queue: int) -> AsyncIterator[Workers]:
    workers = Workers("thumbnails", PAINTERS, queue)
    try:
        yield workers
    finally:
        workers.close()
