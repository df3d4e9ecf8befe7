"""Fills a version of a logical dataset with the files of another version, a thousand in a transaction.

What is done and how far it is are one transaction, so after a crash it goes on behind the last file.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from sensorium.dataset import versions
from sensorium.dataset.exports import part_rows
from sensorium.dataset.exports.bringing import Brought, bring
from sensorium.dataset.exports.manifest import Part
from sensorium.dataset.jobs import job_rows, ledger
from sensorium.dataset.jobs.job_lease import fenced
from sensorium.dataset.jobs.version_files import behind, count_files
from sensorium.dataset.selecting import filter_of, selected
from sensorium.dataset.tables import taggings
from sensorium.dataset.tables import versions as version_table
from sensorium.errors import InvalidArgument, Reason
from sensorium.model.dataset_export import ExportWork, LogicalTarget, TagGroup
from sensorium.model.dataset_names import VersionName
from sensorium.storage.store import Store
from sensorium.storage.write_lane import Terms

BATCH = 1000
# What a record takes along; the rest is made anew or stands in other tables.
_COPIED = (
    "id", "uri", "file_name", "file_dir", "file_type", "content_type", "size_bytes", "fingerprint", "file_create_time",
    "file_update_time", "width", "height", "duration_ms", "attributes", "tokens", "comment",
)  # fmt: skip
_SAID = ("job", "definition", "definition_version", "model", "model_revision", "fingerprint", "tags", "create_time")


class LogicalExport:
    """Does the exports whose target is a logical version.

    Args:
        store: An open catalog.
        most: How many files one export may bring.
    """

    def __init__(self, store: Store, most: int) -> None:
        self._store = store
        self._most = most

    async def scan(
        self, job: Row[Any], work: ExportWork, target: LogicalTarget, checkpoint: Callable[[], Awaitable[None]]
    ) -> None:
        """Bring the files that are not brought.

        Raises:
            InvalidArgument: TOO_MANY_ITEMS.
            FailedPrecondition: VERSION_PUBLISHED: the target was published meanwhile.
        """
        chosen = selected(job.version, work.selection, filter_of(work.selection))
        total = await self.check_count(chosen)
        await self._store.write(fenced(job, lambda sql: job_rows.change(sql, job.key, total=total)))
        number, after = await self._store.read(lambda sql: part_rows.place(sql, job.key))
        while True:
            await checkpoint()
            wanted = behind(chosen, after, BATCH)
            rows = await self._store.read(lambda sql, wanted=wanted: sql.execute(wanted).all())  # type: ignore[misc]
            if not rows:
                return
            await self._store.write(
                fenced(job, partial(_fill, job=job, work=work, target=target, number=number, rows=rows)),
                Terms(len(rows), bulk=True),
            )
            number, after = number + 1, rows[-1].key

    async def check_count(self, chosen: ColumnElement[bool]) -> int:
        """Return how many files are chosen. Raises InvalidArgument (TOO_MANY_ITEMS)."""
        total = await self._store.read(lambda sql: count_files(sql, chosen))
        if total > self._most:
            raise InvalidArgument(
                f"the selection has {total} files, the limit of a logical version is {self._most}",
                reason=Reason.TOO_MANY_ITEMS,
                metadata={"limit": str(self._most), "actual": str(total)},
            )
        return total


def _fill(
    sql: Connection, *, job: Row[Any], work: ExportWork, target: LogicalTarget, number: int, rows: Sequence[Row[Any]]
) -> None:
    into = versions.draft_row(sql, VersionName(target.dataset, target.version))
    bring(sql, into.key, brought_of_rows(sql, job.version, work, rows), target.mode, job.id)
    part_rows.add(sql, job.key, number, Part(str(into.key), "", 0, len(rows)), rows[-1].key)
    ledger.count(sql, job.key, succeeded=len(rows))


def brought_of_rows(sql: Connection, version: int, work: ExportWork, rows: Sequence[Row[Any]]) -> list[Brought]:
    """Return files of the version in row `version` as an export brings them."""
    source = sql.execute(select(version_table).where(version_table.c.key == version)).one()
    said = _said(sql, [row.key for row in rows]) if _goes(work, TagGroup.ALGORITHM) else {}
    return [_brought(row, source, work, said.get(row.key, [])) for row in rows]


def _brought(row: Row[Any], source: Row[Any], work: ExportWork, said: list[dict[str, Any]]) -> Brought:
    known = row._mapping
    origin = (row.origin_connection, row.origin_uri) if row.origin_uri else (source.connection, source.uri)
    columns = {name: known[name] for name in _COPIED}
    return Brought(
        {**columns, "origin_connection": origin[0], "origin_uri": origin[1]},
        row.user_tags if _goes(work, TagGroup.USER) else (),
        row.deleted_tags if _goes(work, TagGroup.ALGORITHM) else (),
        said,
    )


def _said(sql: Connection, keys: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    current = select(taggings).where(taggings.c.file.in_(keys), taggings.c.superseded_by == "")
    said: dict[int, list[dict[str, Any]]] = {}
    for row in sql.execute(current):
        said.setdefault(row.file, []).append({name: row._mapping[name] for name in _SAID})
    return said


def _goes(work: ExportWork, group: TagGroup) -> bool:
    return not work.tag_groups or group in work.tag_groups
