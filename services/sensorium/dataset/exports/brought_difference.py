"""Says what bringing records into a version would change, in SQL that only reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from sensorium.dataset import files, tags
from sensorium.dataset.exports.bringing import Brought, joined
from sensorium.dataset.tables import files as table
from sensorium.dataset.tables import taggings
from sensorium.model.dataset_export import ExportMode
from sensorium.model.dataset_file import FileStatus
from sensorium.model.dataset_job import JobPlan

_UNTAGGED: tags.Tags = ([], [], [])


def difference(sql: Connection, version: int, brought: Sequence[Brought], mode: ExportMode) -> JobPlan:
    """Return what `bringing.bring` would change in the version in row `version`."""
    by_uri = {str(each.columns["uri"]): each for each in brought}
    wanted = select(table).where(table.c.version == version, table.c.uri.in_(list(by_uri)))
    rows = {row.uri: row for row in sql.execute(wanted)}
    said = _said(sql, [row.key for row in rows.values()])
    plan = JobPlan()
    for uri, each in by_uri.items():
        row = rows.get(uri)
        plan += _of_file(row, said.get(row.key, []) if row else [], each, mode)
    return plan


def _of_file(row: Row[Any] | None, said: Sequence[Row[Any]], theirs: Brought, mode: ExportMode) -> JobPlan:
    before = (row.algorithm_tags, row.user_tags, row.deleted_tags) if row else _UNTAGGED
    current, after = _spoken(said, theirs, mode)
    algorithm = {tag for given in after.values() for tag in given}
    tagged = joined(before, algorithm, theirs, mode)
    old, new = {*tags.effective(before)}, {*tags.effective(tagged)}
    there = row is not None and row.status == FileStatus.ACTIVE
    known_otherwise = row is not None and mode is ExportMode.OVERWRITE and files.differs(row, theirs.columns)
    changed = there and (known_otherwise or before != tagged or current != after)
    return JobPlan(
        added_count=int(not there),
        changed_count=int(changed),
        unchanged_count=int(there and not changed),
        added_tag_count=len(new - old),
        removed_tag_count=len(old - new),
    )


def _spoken(
    said: Sequence[Row[Any]], theirs: Brought, mode: ExportMode
) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """Return the tags that taggers say of a file now, and those that they would say, by their jobs."""
    current = {row.job: [each[0] for each in row.tags] for row in said if not row.superseded_by}
    coming = {str(given["job"]): [each[0] for each in given["tags"]] for given in theirs.taggings}
    if mode is ExportMode.OVERWRITE:
        return current, coming
    heard = {row.job for row in said}
    return current, {**current, **{job: given for job, given in coming.items() if job not in heard}}


def _said(sql: Connection, keys: Sequence[int]) -> dict[int, list[Row[Any]]]:
    said: dict[int, list[Row[Any]]] = {}
    for row in sql.execute(select(taggings).where(taggings.c.file.in_(keys))):
        said.setdefault(row.file, []).append(row)
    return said
