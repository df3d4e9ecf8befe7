"""Brings file records of elsewhere into a version, in SQL; their tags are joined with those there, or replace them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, select

from sensorium.dataset import files, tags
from sensorium.dataset.tables import taggings
from sensorium.model.dataset_export import ExportMode
from sensorium.model.dataset_file import FileStatus
from sensorium.storage import moments


@dataclass(frozen=True, slots=True)
class Brought:
    """One file: its columns in the table of files, its tags, and what taggers said as rows of `taggings`."""

    columns: Mapping[str, Any]
    user_tags: Sequence[str] = ()
    deleted_tags: Sequence[str] = ()
    taggings: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def bring(sql: Connection, version: int, brought: Sequence[Brought], mode: ExportMode, job: str) -> None:
    """Enter files, each URI once; doing it again changes nothing.

    Args:
        sql: An open transaction.
        version: The row of the version.
        brought: What comes in.
        mode: What happens to files that are there.
        job: The id of the job that does it.
    """
    now, by_uri = moments.now(), {str(each.columns["uri"]): each for each in brought}
    before = files.known(sql, version, list(by_uri))
    there = {uri for uri, row in before.items() if row.status == FileStatus.ACTIVE}
    stamp = {"import_job": job, "status": FileStatus.ACTIVE.value, "create_time": now, "update_time": now}
    written = [
        {**each.columns, **stamp} for uri, each in by_uri.items() if mode is ExportMode.OVERWRITE or uri not in there
    ]
    files.register(sql, version, written)
    keys = {row.key: by_uri[uri] for uri, row in files.known(sql, version, list(by_uri)).items()}
    files.mark_changed(sql, version, list(keys))
    _say(sql, keys, mode)
    _tag(sql, version, keys, mode, job)


def _say(sql: Connection, brought: Mapping[int, Brought], mode: ExportMode) -> None:
    """Write what taggers said; of one job the same file has one tagging."""
    said = [{"superseded_by": "", **tagging, "file": key} for key, each in brought.items() for tagging in each.taggings]
    mine: ColumnElement[bool] = taggings.c.file.in_(list(brought))
    if mode is ExportMode.MERGE:
        jobs = {each["job"] for each in said}
        mine = and_(mine, taggings.c.job.in_(jobs))
        kept = {(row.file, row.job) for row in sql.execute(select(taggings.c.file, taggings.c.job).where(mine))}
        said = [each for each in said if (each["file"], each["job"]) not in kept]
    else:
        sql.execute(taggings.delete().where(mine))
    if said:
        sql.execute(insert(taggings), said)


def _tag(sql: Connection, version: int, brought: Mapping[int, Brought], mode: ExportMode, job: str) -> None:
    """Let the tags of files follow; in a merge a tag counts when it counted on either side."""
    given: dict[int, set[str]] = {}
    current = taggings.c.file.in_(list(brought)) & (taggings.c.superseded_by == "")
    for row in sql.execute(select(taggings.c.file, taggings.c.tags).where(current)):
        given.setdefault(row.file, set()).update(each[0] for each in row.tags)

    def change(row: Row[Any]) -> tags.Tags:
        before = (row.algorithm_tags, row.user_tags, row.deleted_tags)
        return joined(before, given.get(row.key, ()), brought[row.key], mode)

    tags.rewrite(sql, version, list(brought), change, job=job)


def joined(before: tags.Tags, algorithm: Iterable[str], theirs: Brought, mode: ExportMode) -> tags.Tags:
    """Return the tags of a file once it was brought.

    Args:
        before: Its tags before.
        algorithm: What taggers say of it then.
        theirs: What comes in.
        mode: What happens to tags that are there.
    """
    user, deleted = {*theirs.user_tags}, {*theirs.deleted_tags}
    if mode is ExportMode.MERGE:
        user |= {*before[1]}
        shown = {*tags.effective(before)} | {each[0] for said in theirs.taggings for each in said["tags"]} - deleted
        deleted = (deleted | {*before[2]}) - shown
    return sorted(algorithm), sorted(user), sorted(deleted & {*algorithm})
