"""Reads the records that an export wrote into a version, part by part; a part is counted when it is in."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.exports import part_rows
from sensorium.dataset.exports.bringing import Brought, bring
from sensorium.dataset.exports.stored_export import StoredExport
from sensorium.dataset.jobs import job_rows, ledger
from sensorium.dataset.jobs.job_lease import fenced
from sensorium.dataset.jobs.work_json import work_from_json
from sensorium.errors import SensoriumError
from sensorium.model.dataset_export import ImportExportWork
from sensorium.settings import DatasetSettings
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

Checkpoint = Callable[[], Awaitable[None]]


class ExportImport:
    """Implements `engine.Scan`.

    Args:
        store: An open catalog.
        connections: Opens the storage of the export.
        limits: What records may hold.
    """

    def __init__(self, store: Store, connections: ConnectionService, limits: DatasetSettings) -> None:
        self._store = store
        self._connections = connections
        self._limits = limits

    async def scan(self, job: Row[Any], checkpoint: Checkpoint) -> None:
        """Read the parts that are not read.

        Raises:
            NotFound: There is no manifest: nothing was exported there, or not to its end.
            DataLoss: The manifest or a part is damaged.
            InvalidArgument: The export has another format.
        """
        work = work_from_json(job.work)
        assert isinstance(work, ImportExportWork)  # noqa: S101  # The engine chose by its kind.
        export = await StoredExport.opened(self._connections, work.source, self._limits)
        if job.prepared:  # What failed may be right by now: everything is read again, which changes nothing.
            await self._store.write(fenced(job, lambda sql: _begin_again(sql, job.key)))
        await self._store.write(fenced(job, lambda sql: job_rows.change(sql, job.key, total=export.record_count)))
        done, _ = await self._store.read(lambda sql: part_rows.place(sql, job.key))
        for number in range(done, len(export.parts)):
            await checkpoint()
            await self._take(job, work, export, number)
        await self._store.write(fenced(job, lambda sql: job_rows.change(sql, job.key, prepared=1)))

    async def _take(self, job: Row[Any], work: ImportExportWork, export: StoredExport, number: int) -> None:
        part, failures, taken = export.parts[number], dict[str, SensoriumError](), 0
        async for records in export.records(part):
            failures |= records.failures
            if good := records.good:
                await self._store.write(
                    fenced(job, partial(_bring, job=job, work=work, good=good)), Terms(len(good), bulk=True)
                )
            taken += len(good)

        def keep(sql: Connection) -> None:
            ledger.note_failures(sql, job.key, failures)
            part_rows.add(sql, job.key, number, part)
            ledger.count(sql, job.key, succeeded=taken, failed=len(failures))

        await self._store.write(fenced(job, keep))


def _bring(sql: Connection, *, job: Row[Any], work: ImportExportWork, good: Sequence[Brought]) -> None:
    bring(sql, job.version, good, work.mode, job.id)


def _begin_again(sql: Connection, job: int) -> None:
    part_rows.forget(sql, job)
    ledger.clear(sql, job)
