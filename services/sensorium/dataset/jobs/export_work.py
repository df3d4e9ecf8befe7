"""Exports, whatever their target."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row

from sensorium.dataset import datasets, versions
from sensorium.dataset.jobs.engine import Planned
from sensorium.dataset.jobs.exporting import StorageExport
from sensorium.dataset.jobs.filling import LogicalExport
from sensorium.dataset.jobs.work_json import work_from_json
from sensorium.errors import InvalidArgument
from sensorium.model.dataset import Edition
from sensorium.model.dataset_export import ExportWork, LogicalTarget, StorageTarget
from sensorium.model.dataset_job import Work
from sensorium.model.dataset_names import VersionName
from sensorium.storage.store import Store


class Exporting:
    """Implements `engine.Scan` and `engine.Plan`.

    Args:
        store: An open catalog.
        to_storage: Does exports to storage.
        to_version: Does exports to logical versions.
    """

    def __init__(self, store: Store, to_storage: StorageExport, to_version: LogicalExport) -> None:
        self._store = store
        self._to_storage = to_storage
        self._to_version = to_version

    async def pinned(self, job: Planned) -> Work:
        """Return the work with the number of the version that it fills.

        Raises:
            NotFound: There is no such dataset or version.
            InvalidArgument: The dataset is not logical.
            FailedPrecondition: VERSION_PUBLISHED.
        """
        work = _work(job.work)
        match work.target:
            case LogicalTarget() as target:
                number = await self._store.read(lambda sql: _fillable(sql, target))
                return replace(work, target=replace(target, version=number))
            case StorageTarget():
                return work

    async def scan(self, job: Row[Any], checkpoint: Callable[[], Awaitable[None]]) -> None:
        """Do the work."""
        work = _work(work_from_json(job.work))
        match work.target:
            case StorageTarget() as target:
                await self._to_storage.scan(job, work, target, checkpoint)
            case LogicalTarget() as target:
                await self._to_version.scan(job, work, target, checkpoint)


def _fillable(sql: Connection, target: LogicalTarget) -> int:
    dataset = datasets.row_of(sql, target.dataset)
    if dataset.edition != Edition.LOGICAL:
        raise InvalidArgument(
            f"job.export.logical.dataset: {target.dataset} is not logical", field="job.export.logical.dataset"
        )
    number = target.version or int(dataset.latest)
    versions.draft_row(sql, VersionName(target.dataset, number))
    return number


def _work(work: Work) -> ExportWork:
    assert isinstance(work, ExportWork)  # noqa: S101  # The engine chose by its kind.
    return work
