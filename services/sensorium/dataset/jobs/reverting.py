"""Takes back what a tagging job gave, file by file."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists

from sensorium.dataset import tags
from sensorium.dataset.jobs import job_rows
from sensorium.dataset.jobs.engine import Outcome, Planned
from sensorium.dataset.jobs.work_json import work_from_json
from sensorium.dataset.tables import files, taggings
from sensorium.errors import InvalidArgument
from sensorium.model.dataset_job import RevertTagsWork, TagWork, Work
from sensorium.storage.store import Store


class Reverting:
    """Implements `engine.FileWork`; what counted before the reverted job counts again.

    Args:
        store: An open catalog.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def pinned(self, job: Planned) -> Work:
        """Return the work. Raises NotFound, or InvalidArgument when the job is none that tags this version."""
        work = _work(job.work)
        reverted = await self._store.read(lambda sql: job_rows.get(sql, work.job))
        if not isinstance(reverted.spec.work, TagWork) or reverted.spec.version != job.name:
            raise InvalidArgument(
                f"job.revert_tags.job: {work.job} has not tagged {job.name}", field="job.revert_tags.job"
            )
        return work

    async def chosen(self, job: Planned) -> ColumnElement[bool]:
        """Return the condition for the files of which the reverted job has said anything."""
        said = exists().where(taggings.c.file == files.c.key, taggings.c.job == _work(job.work).job.id)
        return and_(files.c.version == job.version, said)

    async def process(self, job: Row[Any], files: Sequence[Row[Any]]) -> Outcome:
        """Take back what was said of some files."""
        reverted = _work(work_from_json(job.work)).job.id

        def record(sql: Connection, mine: set[int]) -> None:
            tags.revert(sql, job.version, sorted(mine), reverted, job.id)

        return Outcome(dict.fromkeys((row.key for row in files), None), record)


def _work(work: Work) -> RevertTagsWork:
    assert isinstance(work, RevertTagsWork)  # noqa: S101  # The engine chose by its kind.
    return work
