"""Puts the dataset service together: its catalog in one SQLite file of the data directory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.dataset_service import DatasetService
from sensorium.dataset.vault import opened_vault
from sensorium.dataset_ports import DatasetPorts
from sensorium.settings import DatasetSettings
from sensorium.storage.store import Store

STORE_FILE = "dataset.sqlite3"
MIGRATIONS = Path(__file__).parent / "migrations"


@asynccontextmanager
async def embedded_datasets(data_dir: Path, settings: DatasetSettings) -> AsyncIterator[DatasetPorts]:
    """Give a dataset service that keeps its catalog in `dataset.sqlite3` of `data_dir`, which is made when missing.

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
    )
    async with store:
        yield DatasetPorts(DatasetService(store, settings), ConnectionService(store, vault, settings))
