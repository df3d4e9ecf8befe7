"""Says what an export would write, or bring into a version of a logical dataset."""

from sqlalchemy import Connection

from sensorium.dataset import versions
from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.exports.brought_difference import difference
from sensorium.dataset.jobs.engine import Planned
from sensorium.dataset.jobs.export_work import Exporting
from sensorium.dataset.jobs.exporting import check_free
from sensorium.dataset.jobs.filling import LogicalExport, brought_of_rows
from sensorium.dataset.jobs.plans.foreseen import Foreseen
from sensorium.dataset.jobs.version_files import behind, count_files
from sensorium.dataset.selecting import filter_of, selected
from sensorium.model.dataset_export import ExportWork, LogicalTarget, StorageTarget
from sensorium.model.dataset_job import JobPlan
from sensorium.model.dataset_names import VersionName
from sensorium.storage.store import Store

BATCH = 1000


class ExportPlan:
    """Implements `Foreseeing` for exports.

    Args:
        store: An open catalog.
        exporting: Checks where an export goes.
        to_version: Knows how much may go into a logical version.
        connections: Opens the storage that would be written.
    """

    def __init__(
        self, store: Store, exporting: Exporting, to_version: LogicalExport, connections: ConnectionService
    ) -> None:
        self._store = store
        self._exporting = exporting
        self._to_version = to_version
        self._connections = connections

    async def foreseen(self, job: Planned) -> Foreseen:
        """Count the files that would be written, or compare them with those of the version that is filled."""
        work = await self._exporting.pinned(job)
        assert isinstance(work, ExportWork)  # noqa: S101  # The service chose by its kind.
        match work.target:
            case StorageTarget() as target:
                return Foreseen.of(await self._written(job, work, target))
            case LogicalTarget() as target:
                return Foreseen.of(await self._filled(job, work, target))

    async def _written(self, job: Planned, work: ExportWork, target: StorageTarget) -> JobPlan:
        await check_free(await self._connections.open_sink(target.connection, target.uri), target)
        chosen = selected(job.version, work.selection, filter_of(work.selection))
        return JobPlan(added_count=await self._store.read(lambda sql: count_files(sql, chosen)))

    async def _filled(self, job: Planned, work: ExportWork, target: LogicalTarget) -> JobPlan:
        chosen = selected(job.version, work.selection, filter_of(work.selection))
        await self._to_version.check_count(chosen)
        plan, after = JobPlan(), 0

        def read(sql: Connection) -> tuple[JobPlan, int]:
            rows = sql.execute(behind(chosen, after, BATCH)).all()
            into = versions.row_of(sql, VersionName(target.dataset, target.version))
            brought = brought_of_rows(sql, job.version, work, rows)
            return difference(sql, into.key, brought, target.mode), rows[-1].key if rows else 0

        while True:
            some, last = await self._store.read(read)
            if not last:
                return plan
            plan, after = plan + some, last
