"""Says what an import would find new, changed and gone."""

from collections.abc import Sequence

from pyroaring import BitMap64
from sqlalchemy import Connection, select

from sensorium.dataset.jobs.describing import fault_of
from sensorium.dataset.jobs.engine import Planned
from sensorium.dataset.jobs.importing import BATCH, LISTED, is_wanted, vanished
from sensorium.dataset.jobs.known_files import known_files
from sensorium.dataset.jobs.plans.foreseen import Foreseen
from sensorium.dataset.jobs.version_files import OpenVersion
from sensorium.dataset.storages.file_store import ListedFile
from sensorium.dataset.tables import files
from sensorium.model.dataset_file import FileStatus
from sensorium.model.dataset_job import ImportWork, JobPlan
from sensorium.storage.store import Store


class ImportPlan:
    """Implements `Foreseeing` for imports.

    Args:
        store: An open catalog.
        opened: Opens the storage of a version.
    """

    def __init__(self, store: Store, opened: OpenVersion) -> None:
        self._store = store
        self._opened = opened

    async def foreseen(self, job: Planned) -> Foreseen:
        """List the files and compare them with the catalog; none is opened, so what is damaged is not known yet."""
        work = job.work
        assert isinstance(work, ImportWork)  # noqa: S101  # The service chose by its kind.
        storage, known = await self._opened(job.version), await known_files(self._store, job.version)
        plan, seen = JobPlan(), BitMap64()
        async for batch in storage.batches(work.prefix, LISTED):
            wanted = {each.uri: each for each in batch if is_wanted(each.path, work)}
            compared = known.compared(list(wanted.values()))
            fresh = compared.fresh
            there = await self._store.read(lambda sql, fresh=fresh: _keys_of(sql, job.version, fresh))  # type: ignore[misc]
            seen.update(compared.keys)
            seen.update(there.values())
            plan += _of_batch(compared.before, fresh, there)
        gone = 0 if work.keep_vanished else await self._gone(work, known.unseen(seen))
        return Foreseen.of(plan + JobPlan(removed_count=gone), passes_over=True)

    async def _gone(self, work: ImportWork, unseen: Sequence[int]) -> int:
        found = 0
        for start in range(0, len(unseen), BATCH):
            found += len(await vanished(self._store, work, unseen[start : start + BATCH]))
        return found


def _of_batch(unchanged: int, fresh: Sequence[ListedFile], there: dict[str, int]) -> JobPlan:
    good = [each for each in fresh if fault_of(each) is None]
    changed = sum(each.uri in there for each in good)
    return JobPlan(
        added_count=len(good) - changed,
        changed_count=changed,
        unchanged_count=unchanged,
        refused_count=len(fresh) - len(good),
    )


def _keys_of(sql: Connection, version: int, listed: Sequence[ListedFile]) -> dict[str, int]:
    """Return the keys of the listed files that the catalog has, by URI."""
    there = (files.c.version == version) & (files.c.status == FileStatus.ACTIVE.value)
    found: dict[str, int] = {}
    for start in range(0, len(listed), BATCH):
        uris = [each.uri for each in listed[start : start + BATCH]]
        rows = sql.execute(select(files.c.uri, files.c.key).where(there, files.c.uri.in_(uris))).all()
        found |= {row.uri: row.key for row in rows}
    return found
