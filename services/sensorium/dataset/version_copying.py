"""Copies the files of a version to another, some thousand in a transaction, in SQL.

How far a copy is stands in the transaction that brought it there, so after a crash it goes on, and it does no harm when
two processes do. Nobody reads a version before its copy is whole. What changes in the source meanwhile has a later
change number, and is copied again, the last of it in the transaction that makes the copy a draft.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, case, func, insert, literal, select, update

from sensorium.dataset import datasets, files, versions
from sensorium.dataset.error_json import error_to_json
from sensorium.dataset.tables import datasets as dataset_table
from sensorium.dataset.tables import files as table
from sensorium.dataset.tables import taggings
from sensorium.dataset.tables import version_copies as copies
from sensorium.dataset.tables import versions as version_table
from sensorium.errors import NotFound, SensoriumError
from sensorium.model.dataset import DatasetVersion, VersionSpec, VersionState
from sensorium.model.dataset_file import FileStatus
from sensorium.model.dataset_names import DatasetName, VersionName
from sensorium.storage import lease_clock, moments

PIECE = 2000
_OWN = frozenset({"key", "version", "change"})


def begin(sql: Connection, source: VersionName, spec: VersionSpec) -> DatasetVersion:
    """Begin a version that nobody reads yet; unless it names a storage it has the source's. Raises NotFound."""
    dataset, before = datasets.row_of(sql, source.dataset), versions.row_of(sql, source)
    stored_elsewhere = bool(spec.uri or spec.connection)
    number, now = versions.next_number(sql, dataset.key), lease_clock.now(sql)
    made = insert(version_table).values(
        dataset=dataset.key,
        number=number,
        uri=spec.uri or dataset.uri if stored_elsewhere else before.uri,
        connection=str(spec.connection or dataset.connection) if stored_elsewhere else before.connection,
        source=source.number,
        create_time=now,
        update_time=now,
        **{**versions.draft_columns(spec), "state": VersionState.COPYING.value},
    )
    key = sql.execute(made.returning(version_table.c.key)).scalar_one()
    position = {"source": before.key, "since": before.changes, "after": "", "total": before.file_count, "error": {}}
    sql.execute(insert(copies).values(version=key, **position))
    return versions.get(sql, VersionName(source.dataset, number))


def unfinished(sql: Connection, silent_seconds: float) -> list[tuple[int, VersionName]]:
    """Return the row and the name of each version that is being copied, and that nobody has added to for so long."""
    silent = version_table.c.update_time <= lease_clock.now(sql) - round(silent_seconds * 1e6)
    copying = version_table.c.state == VersionState.COPYING.value
    columns = (version_table.c.key, version_table.c.number, dataset_table.c.workspace, dataset_table.c.id)
    rows = sql.execute(select(*columns).join_from(version_table, dataset_table).where(copying, silent)).all()
    return [(row.key, VersionName(DatasetName(row.workspace, row.id), row.number)) for row in rows]


def copy_piece(sql: Connection, version: int) -> bool:
    """Copy the files behind those that are copied; return whether some are left. Raises NotFound."""
    copy = _held(sql, version)
    if copy is None or copy.after is None:
        return False
    within = table.c.uri > copy.after
    end = _piece_end(sql, copy.source, copy.after)
    _copy(sql, copy, within if end is None else within & (table.c.uri <= end))
    sql.execute(update(copies).where(copies.c.version == version).values(after=end, error={}))
    return end is not None


def changed(sql: Connection, version: int) -> int:
    """Return how many files changed in the source meanwhile, counted no further than a piece. Raises NotFound."""
    copy = _found(sql, select(copies), version)
    if copy is None:
        return 0
    later = select(table.c.key).where(table.c.version == copy.source, table.c.change > copy.since)
    return len(sql.execute(later.limit(PIECE)).all())


def copy_changed(sql: Connection, version: int) -> bool:
    """Copy up to a piece of the files that changed meanwhile; return whether some are left. Raises NotFound."""
    copy = _held(sql, version)
    if copy is None:
        return False
    last = _changes_of(sql, copy.source)
    if copy.since >= last:
        return False
    behind = (table.c.version == copy.source) & (table.c.change > copy.since)
    numbers = select(table.c.change).where(behind).order_by(table.c.change)
    end = sql.execute(numbers.offset(PIECE - 1).limit(1)).scalar_one_or_none()
    # What changed together is copied together, so a piece may be larger.
    since = last if end is None else int(end)
    uris = select(table.c.uri).where(behind, table.c.change <= since)
    _copy(sql, copy, table.c.uri.in_(uris.scalar_subquery()))
    sql.execute(update(copies).where(copies.c.version == version).values(since=since, error={}))
    return since < last


def finish(sql: Connection, version: int, name: VersionName) -> DatasetVersion:
    """Copy what changed last, and make the copy a draft. Raises NotFound."""
    while copy_changed(sql, version):
        pass
    if _held(sql, version) is not None:
        now = moments.now()
        whole = {"state": VersionState.DRAFT.value, "create_time": now, "update_time": now}
        sql.execute(update(version_table).where(version_table.c.key == version).values(**whole))
        sql.execute(copies.delete().where(copies.c.version == version))
        older = dataset_table.c.key == datasets.row_of(sql, name.dataset).key, dataset_table.c.latest < name.number
        sql.execute(update(dataset_table).where(*older).values(latest=name.number))
    return versions.get(sql, name)


def note(sql: Connection, version: int, error: SensoriumError, *, final: bool) -> None:
    """Write why a copy waits, or why it has failed when that is final."""
    sql.execute(update(copies).where(copies.c.version == version).values(error=error_to_json(error)))
    if final:
        mine = (version_table.c.key == version) & (version_table.c.state == VersionState.COPYING.value)
        sql.execute(update(version_table).where(mine).values(state=VersionState.FAILED.value))


def discard(sql: Connection, version: int) -> None:
    """Delete a version whose copy has failed."""
    mine = (version_table.c.key == version) & (version_table.c.state == VersionState.FAILED.value)
    sql.execute(version_table.delete().where(mine))


def _held(sql: Connection, version: int) -> Row[Any] | None:
    """Return what `_found` does, for this transaction alone."""
    return _found(sql, select(copies).with_for_update(), version)


def _found(sql: Connection, wanted: Select[Any], version: int) -> Row[Any] | None:
    """Return how far a copy is; None when another process has made it whole.

    Raises:
        NotFound: It was deleted meanwhile, or has failed.
    """
    row = sql.execute(wanted.where(copies.c.version == version)).one_or_none()
    state = sql.execute(select(version_table.c.state).where(version_table.c.key == version)).scalar_one_or_none()
    if state is None or state == VersionState.FAILED:
        raise NotFound("the copy was deleted meanwhile", metadata={"resource": "version"})
    return row


def _piece_end(sql: Connection, source: int, after: str) -> str | None:
    """Return the URI that ends the piece behind the URI `after`; None when less is left."""
    behind = select(table.c.uri).where(table.c.version == source, table.c.uri > after)
    end: str | None = sql.execute(behind.order_by(table.c.uri).offset(PIECE - 1).limit(1)).scalar_one_or_none()
    return end


def _changes_of(sql: Connection, source: int) -> int:
    """Return the number of the last change of a version's files. Raises NotFound."""
    found = sql.execute(select(version_table.c.changes).where(version_table.c.key == source)).scalar_one_or_none()
    if found is None:
        raise NotFound("the version that is copied was deleted meanwhile", metadata={"resource": "version"})
    return int(found)


def _copy(sql: Connection, copy: Row[Any], chosen: ColumnElement[bool]) -> None:
    """Copy the chosen files of a version as they are now, and what taggers said of them."""
    source, version = copy.source, copy.version
    _changes_of(sql, source)
    alive = update(version_table).where(version_table.c.key == version).values(update_time=lease_clock.now(sql))
    sql.execute(alive)
    uris = select(table.c.uri).where(table.c.version == source, chosen)
    before = (table.c.version == version) & table.c.uri.in_(uris.scalar_subquery())
    count, size = _counted(sql, before)
    if count:
        sql.execute(table.delete().where(before))
    copied = _columns(sql, source, version)
    there = (table.c.version == source) & (table.c.status == FileStatus.ACTIVE.value) & chosen
    sql.execute(
        insert(table).from_select(list(copied), select(*copied.values()).where(there).order_by(table.c.uri))
    )  # fmt: skip
    more, larger = _counted(sql, before)
    files.count_more(sql, version, more - count, larger - size)
    _copy_taggings(sql, source, version, chosen)


def _counted(sql: Connection, chosen: ColumnElement[bool]) -> tuple[int, int]:
    row = sql.execute(select(func.count(), func.coalesce(func.sum(table.c.size_bytes), 0)).where(chosen)).one()
    return int(row[0]), int(row[1])


def _columns(sql: Connection, source: int, version: int) -> dict[str, Any]:
    """Return what the columns of a copy are selected as: it is read where the file was, and not indexed."""
    kept = sql.execute(select(version_table).where(version_table.c.key == source)).one()
    own, now = table.c.origin_uri != "", moments.now()
    return {each.name: each for each in table.c if each.name not in _OWN} | {
        "version": literal(version),
        "change": literal(0),
        "origin_connection": case((own, table.c.origin_connection), else_=literal(kept.connection)),
        "origin_uri": case((own, table.c.origin_uri), else_=literal(kept.uri)),
        "import_job": literal(""),
        "index_job": literal(""),
        "index_of": literal(""),
        "index_time": literal(None, table.c.index_time.type),
        "create_time": literal(now),
        "update_time": literal(now),
    }


def _copy_taggings(sql: Connection, source: int, version: int, chosen: ColumnElement[bool]) -> None:
    ours = table.alias()
    kept = [each for each in taggings.c if each.name != "file"]
    said = (
        select(ours.c.key, *kept)
        .select_from(taggings.join(table, taggings.c.file == table.c.key).join(ours, ours.c.uri == table.c.uri))
        .where(table.c.version == source, chosen, ours.c.version == version, taggings.c.superseded_by == "")
    )
    sql.execute(insert(taggings).from_select(["file", *(each.name for each in kept)], said))
