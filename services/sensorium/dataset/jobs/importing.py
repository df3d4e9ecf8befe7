"""Registers the files of a folder or prefix: what is new or changed is read, the rest is compared alone."""

import fnmatch
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, Row, select

from sensorium.dataset import files
from sensorium.dataset.jobs import job_rows, ledger
from sensorium.dataset.jobs.describing import Described, Describing
from sensorium.dataset.jobs.job_lease import fenced
from sensorium.dataset.jobs.known_files import Compared, known_files
from sensorium.dataset.jobs.version_files import OpenVersion
from sensorium.dataset.jobs.work_json import work_from_json
from sensorium.dataset.media_info import content_type_of
from sensorium.dataset.storages.file_store import OF_ONE_FILE, FileStore, ListedFile
from sensorium.dataset.tables import files as file_table
from sensorium.dataset.tables import job_files
from sensorium.errors import SensoriumError
from sensorium.in_order import in_order
from sensorium.model.dataset_file import FileStatus
from sensorium.model.dataset_job import ImportWork, JobFileState
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

# A listing is compared in large batches, for each wakes some threads, and written in transactions of fewer files, for
# others wait for them.
LISTED = 4000
BATCH = 1000
# While one batch is written, this many are looked at or wait to be written.
AHEAD = 2
# Unchanged files are counted when something else is written, or when there are so many.
COUNTED = 10_000


class FileImport:
    """Implements `engine.Scan` for imports.

    A listing is walked from its start, also after a crash: what was registered before is the same as then, and counts
    once, for it carries the job's id. Of the files that the catalog knows and of those that were seen a few bytes each
    are remembered, so that an unchanged file costs no statement.

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
        done = await self._store.write(fenced(job, lambda sql: _begin(sql, job)))
        seen, unchanged = BitMap64(), 0
        describing = Describing(storage, job.id, media=not work.without_media_info)
        known = await known_files(self._store, job.version, job.id if done else "")

        async def look(batch: Sequence[ListedFile]) -> tuple[Compared, Described]:
            # A folder in which files are renamed meanwhile may show one twice.
            wanted = {each.uri: each for each in batch if is_wanted(each.path, work)}
            compared = known.compared(list(wanted.values()))
            return compared, await describing.described(compared.fresh)

        async with aclosing(in_order(storage.batches(work.prefix, LISTED), look, depth=AHEAD)) as batches:
            async for compared, described in batches:
                await checkpoint()
                seen.update(compared.keys)
                unchanged += compared.before
                if compared.fresh or unchanged >= COUNTED:
                    for part in described.parts(BATCH):
                        seen.update(await self._register(job, part, unchanged))
                        unchanged = 0
        if not work.keep_vanished:
            await self._forget_vanished(job, work, known.unseen(seen), checkpoint)
        await self._store.write(fenced(job, lambda sql: _prepared(sql, job, unchanged)))

    async def _register(self, job: Row[Any], found: Described, unchanged: int) -> list[int]:
        """Write down what was found; return the keys of the files, and of known ones that cannot be read any more."""

        def register(sql: Connection) -> list[int]:
            failed = ledger.note_failures(sql, job.key, found.failures)
            taken = len(found.rows)
            total = taken + failed + unchanged
            ledger.count(sql, job.key, succeeded=taken, failed=failed, skipped=unchanged, total=total)
            if found.rows:
                files.register(sql, job.version, found.rows, read=True)
            there = [*(row["uri"] for row in found.rows), *found.failures]
            return [row.key for row in files.known(sql, job.version, there).values()] if there else []

        return await self._store.write(fenced(job, register), Terms(len(found.rows) + 1, bulk=True))

    async def _forget_vanished(
        self, job: Row[Any], work: ImportWork, unseen: Sequence[int], checkpoint: Callable[[], Awaitable[None]]
    ) -> None:
        """Mark the files below the prefix that the listing had not as deleted, a thousand at a time."""
        for start in range(0, len(unseen), BATCH):
            await checkpoint()
            gone = await vanished(self._store, work, unseen[start : start + BATCH])
            if gone:
                forget = fenced(job, partial(self._forget, job=job, gone=gone))
                await self._store.write(forget, Terms(len(gone), bulk=True))

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
        describing = Describing(storage, job.id, media=not work.without_media_info)
        for start in range(0, len(uris), BATCH):
            listed: list[ListedFile] = []
            failures: dict[str, SensoriumError] = {}
            for uri in uris[start : start + BATCH]:
                try:
                    listed.append(await storage.stat(uri))
                except OF_ONE_FILE as error:
                    failures[uri] = error
            found = await describing.described(listed)
            failures |= found.failures
            record = partial(_record_retry, job=job, rows=found.rows, failures=failures)
            await self._store.write(fenced(job, record))


async def vanished(store: Store, work: ImportWork, unseen: Sequence[int]) -> list[int]:
    """Return those of some files, by key, that an import would have listed if they were still there."""
    folder = work.prefix.strip("/")
    there = file_table.c.key.in_(unseen) & (file_table.c.status == FileStatus.ACTIVE.value)
    named = select(file_table.c.key, file_table.c.file_dir, file_table.c.file_name).where(there)
    return [
        row.key
        for row in await store.read(lambda sql: sql.execute(named).all())
        if (not folder or row.file_dir == folder or row.file_dir.startswith(f"{folder}/"))
        and is_wanted(f"{row.file_dir}/{row.file_name}".lstrip("/"), work)
    ]


def _begin(sql: Connection, job: Row[Any]) -> int:
    """Count what this job has registered before a crash, and nothing else; return how much that is."""
    now = job_rows.by_id(sql, job.id)
    done = 0 if now is None else now.succeeded + now.failed
    job_rows.change(sql, job.key, skipped=0, total=done, prepared=0)
    return done


def _prepared(sql: Connection, job: Row[Any], unchanged: int) -> None:
    ledger.count(sql, job.key, skipped=unchanged, total=unchanged)
    job_rows.change(sql, job.key, prepared=1)


def _record_retry(
    sql: Connection, job: Row[Any], rows: Sequence[dict[str, Any]], failures: Mapping[str, SensoriumError]
) -> None:
    ours = job_files.c.job == job.key
    sql.execute(job_files.delete().where(ours, job_files.c.uri.in_([*failures, *(row["uri"] for row in rows)])))
    if rows:
        files.register(sql, job.version, rows, read=True)
    failed = ledger.note_failures(sql, job.key, failures)
    ledger.count(sql, job.key, succeeded=len(rows), failed=failed)


def is_wanted(path: str, work: ImportWork) -> bool:
    """Return whether an import takes the file at a path, by its patterns or its format."""
    if any(fnmatch.fnmatchcase(path, pattern) for pattern in work.exclude):
        return False
    if work.include:
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in work.include)
    return bool(content_type_of(path))
