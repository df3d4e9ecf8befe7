"""Says of how many files the tags would be others without a tagging job."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from sensorium.dataset import tags
from sensorium.dataset.jobs.engine import Planned
from sensorium.dataset.jobs.plans.foreseen import Foreseen
from sensorium.dataset.jobs.reverting import Reverting
from sensorium.dataset.jobs.version_files import behind
from sensorium.model.dataset_job import JobPlan, RevertTagsWork
from sensorium.storage.store import Store

BATCH = 1000


class RevertPlan:
    """Implements `Foreseeing` for reverts of tagging jobs.

    Args:
        store: An open catalog.
        reverting: Knows which files it would take.
    """

    def __init__(self, store: Store, reverting: Reverting) -> None:
        self._store = store
        self._reverting = reverting

    async def foreseen(self, job: Planned) -> Foreseen:
        """Compare the tags of each file with those that it would have."""
        work = await self._reverting.pinned(job)
        assert isinstance(work, RevertTagsWork)  # noqa: S101  # The service chose by its kind.
        reverted, chosen = work.job.id, await self._reverting.chosen(job)
        plan, after = JobPlan(), 0
        while True:
            wanted = behind(chosen, after, BATCH)

            def read(sql: Connection, wanted: Any = wanted) -> tuple[list[Row[Any]], JobPlan]:
                rows = list(sql.execute(wanted).all())
                return rows, difference_without(sql, rows, reverted)

            rows, some = await self._store.read(read)
            if not rows:
                return Foreseen.of(plan)
            plan, after = plan + some, rows[-1].key


def difference_without(sql: Connection, rows: Sequence[Row[Any]], reverted: str) -> JobPlan:
    """Return how the tags of files would change if what the job `reverted` said of them were taken back."""
    given = tags.without(sql, [row.key for row in rows], reverted)
    changed = added = removed = 0
    for row in rows:
        algorithm = given.get(row.key, set())
        after = {*tags.effective((sorted(algorithm), row.user_tags, row.deleted_tags))}
        changed += algorithm != {*row.algorithm_tags}
        added += len(after - {*row.tags})
        removed += len({*row.tags} - after)
    return JobPlan(
        changed_count=changed,
        unchanged_count=len(rows) - changed,
        added_tag_count=added,
        removed_tag_count=removed,
    )
