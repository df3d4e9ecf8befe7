"""Says how many files of a selection would be tagged or indexed, and how many of them again."""

from collections.abc import Awaitable, Callable

from sqlalchemy import ColumnElement, Connection, case, func, select

from sensorium.dataset.jobs.engine import FileWork, Planned
from sensorium.dataset.jobs.plans.foreseen import Foreseen
from sensorium.dataset.jobs.version_files import count_files
from sensorium.dataset.selecting import filter_of, selected
from sensorium.dataset.tables import files
from sensorium.model.dataset_job import IndexWork, JobPlan, TagWork
from sensorium.storage.store import Store


class SelectionPlan:
    """Implements `Foreseeing` for tagging and indexing.

    Args:
        store: An open catalog.
        work: Knows which files it would take.
        check: Raises what would refuse the job, and makes nothing.
        again: Returns the condition for the files that such work has done before.
    """

    def __init__(
        self,
        store: Store,
        work: FileWork,
        check: Callable[[Planned], Awaitable[object]],
        again: Callable[[TagWork | IndexWork], ColumnElement[bool]],
    ) -> None:
        self._store = store
        self._work = work
        self._check = check
        self._again = again

    async def foreseen(self, job: Planned) -> Foreseen:
        """Count the files that would be taken; the others of the selection stay as they are."""
        work = job.work
        assert isinstance(work, TagWork | IndexWork)  # noqa: S101  # The service chose by its kind.
        await self._check(job)
        chosen = await self._work.chosen(job)
        every = selected(job.version, work.selection, filter_of(work.selection))
        again = func.count(case((self._again(work), 1)))

        def count(sql: Connection) -> JobPlan:
            taken, changed = sql.execute(select(func.count(), again).select_from(files).where(chosen)).one()
            unchanged = count_files(sql, every) - taken
            return JobPlan(added_count=taken - changed, changed_count=changed, unchanged_count=unchanged)

        plan = await self._store.read(count)
        return Foreseen(plan.added_count + plan.changed_count, 0, plan)
