"""Writes the files of a selection to storage, part by part.

A part is kept in the catalog when it lies in the storage, in the transaction that counts its files; so after a crash an
export goes on behind its last part, and writes the one that was at work again under the same name.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, select

from sensorium.dataset import files
from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.exports import manifest, part_rows, reading
from sensorium.dataset.exports.formats import FORMATS
from sensorium.dataset.exports.manifest import Manifest, Part
from sensorium.dataset.exports.part_format import PartFormat, Sample
from sensorium.dataset.jobs import job_rows, ledger
from sensorium.dataset.jobs.job_lease import fenced
from sensorium.dataset.jobs.version_files import OpenVersion, count_files
from sensorium.dataset.selecting import filter_of, selected
from sensorium.dataset.storages.file_sink import FileSink, once
from sensorium.dataset.tables import files as table
from sensorium.dataset.tables import job_files
from sensorium.dataset.tables import versions as version_table
from sensorium.errors import AlreadyExists, SensoriumError
from sensorium.model.dataset_export import ExportFormat, ExportWork, StorageTarget
from sensorium.model.dataset_job import JobFileState
from sensorium.storage import moments
from sensorium.storage.store import Store

PART_RECORDS = 10_000
PART_BYTES = 32 << 20
RECORD_BYTES = 1024
README = "README.md"
Checkpoint = Callable[[], Awaitable[None]]
Reader = reading.RecordsAlone | reading.FilesInside | reading.FilesBeside


@dataclass(slots=True)
class Draft:
    """A part in the making: its samples, the files that cannot be in it by URI, and the key of the last file."""

    samples: list[Sample] = field(default_factory=list)
    failures: dict[str, SensoriumError] = field(default_factory=dict)
    last_key: int = 0
    size_bytes: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it has all that fits into memory well."""
        return len(self.samples) >= PART_RECORDS or self.size_bytes >= PART_BYTES


class StorageExport:
    """Does the exports whose target is a storage.

    Args:
        store: An open catalog.
        opened: Opens the storage of a version.
        connections: Opens the storage that is written.
    """

    def __init__(self, store: Store, opened: OpenVersion, connections: ConnectionService) -> None:
        self._store = store
        self._opened = opened
        self._connections = connections

    async def scan(self, job: Row[Any], work: ExportWork, target: StorageTarget, checkpoint: Checkpoint) -> None:
        """Write the parts that are not written, then the manifest.

        Raises:
            AlreadyExists: Another export lies there.
        """
        sink = await self._connections.open_sink(target.connection, target.uri)
        form = FORMATS[target.format]
        reader = await self._reader(job, work, target, sink)
        retrying = bool(job.prepared)
        number, after = await self._store.read(lambda sql: part_rows.place(sql, job.key))
        if not number:
            await check_free(sink, target)
        chosen = _again(job) if retrying else selected(job.version, work.selection, filter_of(work.selection))
        if not retrying:
            await self._store.write(fenced(job, lambda sql: _count_all(sql, job.key, chosen)))
        after = 0 if retrying else after
        while (draft := await self._draft(job, chosen, after, reader, checkpoint)).last_key:
            await self._keep(job, sink, form, number, draft, retrying=retrying)
            number, after = number + 1, draft.last_key
        await self._describe(job, work, target, sink)
        await self._store.write(fenced(job, lambda sql: job_rows.change(sql, job.key, prepared=1)))

    async def _reader(self, job: Row[Any], work: ExportWork, target: StorageTarget, sink: FileSink) -> Reader:
        if not target.with_files:
            return reading.RecordsAlone(work.tag_groups)
        storage = await self._opened(job.version)
        if FORMATS[target.format].embeds:
            return reading.FilesInside(work.tag_groups, storage)
        return reading.FilesBeside(work.tag_groups, storage, sink)

    async def _draft(
        self, job: Row[Any], chosen: ColumnElement[bool], after: int, reader: Reader, checkpoint: Checkpoint
    ) -> Draft:
        """Return the next part; its `last_key` is 0 when there is no file left."""
        draft = Draft()
        while not draft.is_full:
            await checkpoint()
            behind = and_(chosen, table.c.key > max(after, draft.last_key))
            wanted = select(table).where(behind).order_by(table.c.key).limit(reader.batch)

            def read(sql: Connection, wanted: Any = wanted) -> tuple[list[Row[Any]], list[Any]]:
                rows = list(sql.execute(wanted).all())
                return rows, files.records(sql, job_rows.name_of(job), rows)

            rows, records = await self._store.read(read)
            if not rows:
                break
            for record, sample in zip(records, await reader.samples(records), strict=True):
                match sample:
                    case Sample():
                        draft.samples.append(sample)
                        draft.size_bytes += RECORD_BYTES + len(sample.content or b"")
                    case error:
                        draft.failures[record.uri] = error
            draft.last_key = rows[-1].key
        return draft

    async def _keep(
        self, job: Row[Any], sink: FileSink, form: PartFormat, number: int, draft: Draft, *, retrying: bool
    ) -> None:
        """Write a part to the storage, then to the catalog with its counts."""
        part = await _put(sink, form, number, draft.samples) if draft.samples else part_rows.NOTHING

        def keep(sql: Connection) -> None:
            if retrying:
                ledger.forget(sql, job.key, [*draft.failures, *(each.record.uri for each in draft.samples)])
            failed = ledger.note_failures(sql, job.key, draft.failures)
            part_rows.add(sql, job.key, number, part, draft.last_key)
            ledger.count(sql, job.key, succeeded=len(draft.samples), failed=failed)

        await self._store.write(fenced(job, keep))

    async def _describe(self, job: Row[Any], work: ExportWork, target: StorageTarget, sink: FileSink) -> None:
        """Write the manifest, and what readers of a format look for."""

        def read(sql: Connection) -> tuple[tuple[Part, ...], Row[Any]]:
            version = sql.execute(select(version_table).where(version_table.c.key == job.version)).one()
            return part_rows.parts(sql, job.key), version

        parts, version = await self._store.read(read)
        if target.format is ExportFormat.HUGGING_FACE:
            await sink.put(README, once(_card(str(job_rows.name_of(job))).encode()))
        written = Manifest(
            format=target.format,
            version=str(job_rows.name_of(job)),
            uri=version.uri,
            connection=version.connection,
            job=job.id,
            tag_groups=work.tag_groups,
            with_files=target.with_files,
            record_count=sum(part.record_count for part in parts),
            create_time=moments.from_micros(job.create_time).isoformat(),
            parts=parts,
        )
        await sink.put(manifest.PATH, once(manifest.encoded(written)))


async def check_free(sink: FileSink, target: StorageTarget) -> None:
    """Raise AlreadyExists when another export lies where one would go."""
    if await sink.exists(manifest.PATH):
        raise AlreadyExists(f"another export lies at {target.uri}", metadata={"resource": target.uri})


async def _put(sink: FileSink, form: PartFormat, number: int, samples: Sequence[Sample]) -> Part:
    path = form.path.format(number=number)
    encoded = await asyncio.to_thread(form.encode, samples)
    written = await sink.put(path, once(encoded))
    return Part(path, written.sha256, written.size_bytes, len(samples))


def _again(job: Row[Any]) -> ColumnElement[bool]:
    """Return the condition for the files that failed, and are tried again."""
    waiting = (job_files.c.job == job.key) & (job_files.c.state == JobFileState.PENDING.value)
    return and_(table.c.version == job.version, table.c.uri.in_(select(job_files.c.uri).where(waiting)))


def _count_all(sql: Connection, job: int, chosen: ColumnElement[bool]) -> None:
    job_rows.change(sql, job, total=count_files(sql, chosen))


def _card(version: str) -> str:
    """Return the card that tells `datasets` where the data is."""
    return (
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/*.parquet\n---\n"
        f"# {version}\n\nAn export of Sensorium; `manifest.json` holds the checksums.\n"
    )
