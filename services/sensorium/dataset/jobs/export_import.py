"""Reads the records that an export wrote into a version, part by part; a part is counted when it is in."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row

from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.exports import manifest, part_rows
from sensorium.dataset.exports.bringing import Brought, bring
from sensorium.dataset.exports.brought_record import brought_of
from sensorium.dataset.exports.formats import FORMATS
from sensorium.dataset.exports.manifest import Manifest, Part
from sensorium.dataset.exports.record import ExportedFile
from sensorium.dataset.jobs import job_rows, ledger
from sensorium.dataset.jobs.job_lease import fenced
from sensorium.dataset.jobs.work_json import work_from_json
from sensorium.dataset.storages.file_store import FileStore
from sensorium.errors import DataLoss, InvalidArgument, SensoriumError
from sensorium.model.dataset_export import ImportExportWork
from sensorium.settings import DatasetSettings
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

BATCH = 1000
MOST_PART_BYTES = 512 << 20
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
        storage = await self._connections.open_files(work.source.connection, work.source.uri)
        await storage.probe()  # A folder that never was is not found; one that goes meanwhile lets the job rest.
        found = manifest.decoded(await storage.read(storage.uri_of(manifest.PATH), manifest.MOST_BYTES))
        if found.format is not work.source.format:
            raise InvalidArgument(f"job.import_export.source.format: the export there is {found.format}")
        if job.prepared:  # What failed may be right by now: everything is read again, which changes nothing.
            await self._store.write(fenced(job, lambda sql: _begin_again(sql, job.key)))
        await self._store.write(fenced(job, lambda sql: job_rows.change(sql, job.key, total=found.record_count)))
        done, _ = await self._store.read(lambda sql: part_rows.place(sql, job.key))
        for number, part in enumerate(found.parts[done:], done):
            await checkpoint()
            content = await _checked(storage, part)
            await self._take(job, work, found, number, content)
        await self._store.write(fenced(job, lambda sql: job_rows.change(sql, job.key, prepared=1)))

    async def _take(self, job: Row[Any], work: ImportExportWork, found: Manifest, number: int, content: bytes) -> None:
        part, records = found.parts[number], FORMATS[found.format].decode(content)
        failures: dict[str, SensoriumError] = {}
        count = 0
        while batch := await asyncio.to_thread(lambda: list(islice(records, BATCH))):
            good = self._good(
                {f"{part.path}#{count + place}": each for place, each in enumerate(batch, 1)}, found, failures
            )
            if good:
                await self._store.write(
                    fenced(job, partial(_bring, job=job, work=work, good=good)), Terms(len(good), bulk=True)
                )
            count += len(batch)

        def keep(sql: Connection) -> None:
            ledger.note_failures(sql, job.key, failures)
            part_rows.add(sql, job.key, number, part)
            ledger.count(sql, job.key, succeeded=count - len(failures), failed=len(failures))

        await self._store.write(fenced(job, keep))

    def _good(
        self,
        batch: Mapping[str, ExportedFile | InvalidArgument],
        found: Manifest,
        failures: dict[str, SensoriumError],
    ) -> list[Brought]:
        """Return the records that can be taken; note why others cannot, by their place."""
        good = []
        for place, record in batch.items():
            match record:
                case ExportedFile():
                    try:
                        good.append(brought_of(record, found, self._limits))
                    except InvalidArgument as refused:
                        failures[place] = refused
                case error:
                    failures[place] = error
        return good


async def _checked(storage: FileStore, part: Part) -> bytes:
    """Return the bytes of a part. Raises DataLoss when they are not those that were written."""
    content = await storage.read(storage.uri_of(part.path), MOST_PART_BYTES)
    digest = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
    if digest != part.sha256:
        raise DataLoss(f"{part.path} is not what was exported: its SHA-256 is {digest}", metadata={"file": part.path})
    return content


def _bring(sql: Connection, *, job: Row[Any], work: ImportExportWork, good: Sequence[Brought]) -> None:
    bring(sql, job.version, good, work.mode, job.id)


def _begin_again(sql: Connection, job: int) -> None:
    part_rows.forget(sql, job)
    ledger.clear(sql, job)
