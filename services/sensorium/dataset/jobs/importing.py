"""Registers the files of a folder or prefix: what is new or changed is read, the rest is compared alone."""

import asyncio
import fnmatch
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, Row, select

from sensorium.dataset import files
from sensorium.dataset.file_fields import tokens_of
from sensorium.dataset.jobs import job_rows, ledger
from sensorium.dataset.jobs.job_lease import fenced
from sensorium.dataset.jobs.version_files import OpenVersion
from sensorium.dataset.jobs.work_json import work_from_json
from sensorium.dataset.media_info import HEAD_BYTES, NOTHING, MediaInfo, audio_info, content_type_of, image_info
from sensorium.dataset.storages.file_store import OF_ONE_FILE, FileStore, ListedFile
from sensorium.dataset.tables import files as file_table
from sensorium.dataset.tables import job_files
from sensorium.errors import InvalidArgument, Reason, SensoriumError
from sensorium.model.dataset_file import FileStatus
from sensorium.model.dataset_job import ImportWork, JobFileState
from sensorium.model.dataset_names import file_id_of
from sensorium.storage import moments
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

BATCH = 1000
READERS = 8
DEFAULT_TYPE = "application/octet-stream"
MOST_MEDIA_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """Files that are new or changed: rows for the catalog, and errors by URI."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, SensoriumError] = field(default_factory=dict)


class FileImport:
    """Implements `engine.Scan` for imports.

    A listing is walked from its start, also after a crash: what was registered before is the same as then, and counts
    once, for it carries the job's id. Of the files that were seen only their keys are remembered, as a bitmap.

    Args:
        store: An open catalog.
        opened: Opens the storage of a version.
    """

    def __init__(self, store: Store, opened: OpenVersion) -> None:
        self._store = store
        self._opened = opened

    async def scan(self, job: Row[Any], checkpoint: Callable[[], Awaitable[None]]) -> None:
        """Register what is there, and mark what has vanished as deleted."""
        work = work_from_json(job.work)
        assert isinstance(work, ImportWork)  # noqa: S101  # The engine chose by its kind.
        storage = await self._opened(job.version)
        retrying = await self._failed_before(job.key) if job.run > 1 and job.prepared else []
        if retrying:
            await self._retry(job, work, storage, retrying)
            return
        seen = BitMap64()
        await self._store.write(fenced(job, lambda sql: job_rows.change(sql, job.key, skipped=0, prepared=0)))
        async for listed in storage.batches(work.prefix, BATCH):
            await checkpoint()
            wanted = [each for each in listed if _is_wanted(each.path, work)]
            seen |= await self._take(job, work, storage, wanted)
        if not work.keep_vanished:
            await self._forget_vanished(job, work, seen, checkpoint)
        await self._store.write(fenced(job, lambda sql: job_rows.change(sql, job.key, prepared=1)))

    async def _take(
        self, job: Row[Any], work: ImportWork, storage: FileStore, listed: Sequence[ListedFile]
    ) -> BitMap64:
        """Register one batch; return the keys of its files."""
        uris = [each.uri for each in listed]
        known = await self._store.read(lambda sql: files.known(sql, job.version, uris))
        fresh = [each for each in listed if not _is_same(each, known.get(each.uri))]
        # What this job has registered before a crash was counted then.
        same = sum(known[each.uri].import_job != job.id for each in listed if _is_same(each, known.get(each.uri)))
        found = await self._described(job, work, storage, fresh)

        def record(sql: Connection) -> list[int]:
            if found.rows:
                files.register(sql, job.version, found.rows)
            failed = ledger.note_failures(sql, job.key, found.failures) if found.failures else 0
            ledger.count(
                sql, job.key, succeeded=len(found.rows), failed=failed, skipped=same,
                total=len(found.rows) + failed + same,
            )  # fmt: skip
            return [row.key for row in files.known(sql, job.version, [row["uri"] for row in found.rows]).values()]

        if not found.rows and not found.failures:
            await self._store.write(fenced(job, lambda sql: ledger.count(sql, job.key, skipped=same, total=same)))
            return BitMap64([row.key for row in known.values()])
        keys = await self._store.write(fenced(job, record), Terms(len(found.rows) + 1, bulk=True))
        # A known file that has become unreadable is still there.
        return BitMap64([*keys, *(row.key for row in known.values())])

    async def _described(
        self, job: Row[Any], work: ImportWork, storage: FileStore, fresh: Sequence[ListedFile]
    ) -> Found:
        """Return what the new and changed files say of themselves."""
        gate = asyncio.Semaphore(READERS)
        found = Found()

        async def describe(each: ListedFile) -> None:
            async with gate:
                try:
                    info = await _info(each, work, storage)
                except OF_ONE_FILE as error:
                    found.failures[each.uri] = error
                else:
                    found.rows.append(_row(each, info, job.id))

        async with asyncio.TaskGroup() as group:
            for each in fresh:
                group.create_task(describe(each))
        found.rows.sort(key=lambda row: str(row["uri"]))
        return found

    async def _forget_vanished(
        self, job: Row[Any], work: ImportWork, seen: BitMap64, checkpoint: Callable[[], Awaitable[None]]
    ) -> None:
        """Mark the files below the prefix that the listing had not as deleted, some thousands at a time."""
        after = 0
        folder = work.prefix.strip("/")
        while True:
            await checkpoint()
            chosen = (
                select(file_table.c.key, file_table.c.file_dir, file_table.c.file_name)
                .where(
                    file_table.c.version == job.version,
                    file_table.c.status == FileStatus.ACTIVE.value,
                    file_table.c.key > after,
                )
                .order_by(file_table.c.key)
                .limit(BATCH * 10)
            )
            rows = await self._store.read(lambda sql, chosen=chosen: sql.execute(chosen).all())  # type: ignore[misc]
            if not rows:
                return
            after = rows[-1].key
            gone = [
                row.key
                for row in rows
                if row.key not in seen
                and (not folder or row.file_dir == folder or row.file_dir.startswith(f"{folder}/"))
                and _is_wanted(f"{row.file_dir}/{row.file_name}".lstrip("/"), work)
            ]
            if gone:
                terms = Terms(len(gone), bulk=True)
                await self._store.write(fenced(job, partial(self._forget, job=job, gone=gone)), terms)

    @staticmethod
    def _forget(sql: Connection, job: Row[Any], gone: list[int]) -> None:
        found = files.mark_deleted(sql, job.version, gone)
        job_rows.log(sql, job.key, f"{found} files have vanished")

    async def _failed_before(self, job: int) -> list[str]:
        failed = (job_files.c.job == job) & (job_files.c.state == JobFileState.PENDING.value)
        return list(
            await self._store.read(lambda sql: sql.execute(select(job_files.c.uri).where(failed)).scalars().all())
        )

    async def _retry(self, job: Row[Any], work: ImportWork, storage: FileStore, uris: Sequence[str]) -> None:
        """Look at the files that failed again, and at no others."""
        for start in range(0, len(uris), BATCH):
            listed: list[ListedFile] = []
            failures: dict[str, SensoriumError] = {}
            for uri in uris[start : start + BATCH]:
                try:
                    listed.append(await storage.stat(uri))
                except OF_ONE_FILE as error:
                    failures[uri] = error
            found = await self._described(job, work, storage, listed)
            failures |= found.failures
            record = partial(_record_retry, job=job, rows=found.rows, failures=failures)
            await self._store.write(fenced(job, record))


def _record_retry(
    sql: Connection, job: Row[Any], rows: Sequence[dict[str, Any]], failures: Mapping[str, SensoriumError]
) -> None:
    ours = job_files.c.job == job.key
    sql.execute(job_files.delete().where(ours, job_files.c.uri.in_([*failures, *(row["uri"] for row in rows)])))
    if rows:
        files.register(sql, job.version, rows)
    failed = ledger.note_failures(sql, job.key, failures)
    ledger.count(sql, job.key, succeeded=len(rows), failed=failed)


def _is_wanted(path: str, work: ImportWork) -> bool:
    if any(fnmatch.fnmatchcase(path, pattern) for pattern in work.exclude):
        return False
    if work.include:
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in work.include)
    return bool(content_type_of(path))


def _is_same(listed: ListedFile, known: Row[Any] | None) -> bool:
    return known is not None and known.fingerprint == listed.fingerprint and known.status == FileStatus.ACTIVE


async def _info(each: ListedFile, work: ImportWork, storage: FileStore) -> MediaInfo:
    if each.error:
        raise each.error
    if not each.size_bytes:
        raise InvalidArgument("the file is empty", reason=Reason.CONTENT_EMPTY)
    kind = content_type_of(each.path).partition("/")[0]
    if work.without_media_info or kind not in {"image", "audio"}:
        return NOTHING
    if kind == "audio":
        sound = await storage.read(each.uri, MOST_MEDIA_BYTES)
        return await asyncio.to_thread(audio_info, sound)
    head = await storage.head(each.uri, HEAD_BYTES)
    try:
        return image_info(head)
    except InvalidArgument:
        if len(head) < HEAD_BYTES:
            raise
        return await asyncio.to_thread(image_info, await storage.read(each.uri, MOST_MEDIA_BYTES))


def _row(each: ListedFile, info: MediaInfo, job: str) -> dict[str, Any]:
    folder, _, name = each.path.rpartition("/")
    content_type = content_type_of(each.path) or DEFAULT_TYPE
    now = moments.now()
    return {
        "id": file_id_of(each.uri),
        "uri": each.uri,
        "file_name": name,
        "file_dir": folder,
        "file_type": content_type.partition("/")[0],
        "content_type": content_type,
        "size_bytes": each.size_bytes,
        "fingerprint": each.fingerprint,
        "file_update_time": each.update_time,
        "width": info.width,
        "height": info.height,
        "duration_ms": info.duration_ms,
        "attributes": dict(info.attributes),
        "tokens": dict(tokens_of(name, folder, [])),
        "status": FileStatus.ACTIVE.value,
        "import_job": job,
        "create_time": now,
        "update_time": now,
    }
