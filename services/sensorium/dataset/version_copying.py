"""Copies the files of a version to another, some thousand in a transaction, in SQL.

A version that is being filled is staged: its number is negative, so that nobody finds it. What changes in the source
meanwhile has a later change number, and is copied again before the copy is shown, in the transaction that shows it.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, insert, literal, select, update

from sensorium.dataset import datasets, files, versions
from sensorium.dataset.tables import datasets as dataset_table
from sensorium.dataset.tables import files as table
from sensorium.dataset.tables import taggings
from sensorium.dataset.tables import versions as version_table
from sensorium.errors import NotFound
from sensorium.model.dataset import DatasetVersion, VersionSpec, VersionState
from sensorium.model.dataset_file import FileStatus
from sensorium.model.dataset_names import DatasetName, VersionName
from sensorium.storage import lease_clock, moments

PIECE = 2000
# The state of what is being removed, which no version has that anybody finds.
REMOVED = "REMOVED"
_OWN = frozenset({"key", "version", "change"})


def stage(sql: Connection, source: VersionName, spec: VersionSpec) -> int:
    """Begin a version that nobody finds yet; unless it names a storage it has the source's. Raises NotFound."""
    dataset, before = datasets.row_of(sql, source.dataset), versions.row_of(sql, source)
    stored_elsewhere = bool(spec.uri or spec.connection)
    now = lease_clock.now(sql)
    lowest = sql.execute(select(func.min(version_table.c.number)).where(version_table.c.dataset == dataset.key))
    made = insert(version_table).values(
        dataset=dataset.key,
        number=min(0, lowest.scalar_one()) - 1,
        uri=spec.uri or dataset.uri if stored_elsewhere else before.uri,
        connection=str(spec.connection or dataset.connection) if stored_elsewhere else before.connection,
        source=source.number,
        create_time=now,
        update_time=now,
        **versions.draft_columns(spec),
    )
    return int(sql.execute(made.returning(version_table.c.key)).scalar_one())


def piece_end(sql: Connection, source: int, after: str) -> str | None:
    """Return the URI that ends the piece behind the URI `after`; None when less is left."""
    behind = select(table.c.uri).where(table.c.version == source, table.c.uri > after)
    end: str | None = sql.execute(behind.order_by(table.c.uri).offset(PIECE - 1).limit(1)).scalar_one_or_none()
    return end


def copy_piece(sql: Connection, source: int, staged: int, after: str, end: str | None) -> None:
    """Copy the files with URIs behind `after`, and not behind `end` unless that is None. Raises NotFound."""
    within = table.c.uri > after
    _copy(sql, source, staged, within if end is None else within & (table.c.uri <= end))


def changed(sql: Connection, source: int, since: int) -> int:
    """Return how many files changed since the change number `since`, counted no further than a piece."""
    later = select(table.c.key).where(table.c.version == source, table.c.change > since)
    return len(sql.execute(later.limit(PIECE)).all())


def copy_changed(sql: Connection, source: int, staged: int, since: int) -> int:
    """Copy up to a piece of the files that changed since the change number `since`; return the last number copied."""
    numbers = select(table.c.change).where(table.c.version == source, table.c.change > since).order_by(table.c.change)
    end = sql.execute(numbers.offset(PIECE - 1).limit(1)).scalar_one_or_none()
    # What changed together is copied together, so a piece may be larger.
    last = changes_of(sql, source) if end is None else int(end)
    uris = select(table.c.uri).where(table.c.version == source, table.c.change > since, table.c.change <= last)
    _copy(sql, source, staged, table.c.uri.in_(uris.scalar_subquery()))
    return last


def copy_rest(sql: Connection, source: int, staged: int, since: int) -> None:
    """Copy all files that changed since the change number `since`. Raises NotFound."""
    last = changes_of(sql, source)
    while since < last:
        since = copy_changed(sql, source, staged, since)


def show(sql: Connection, staged: int, dataset: DatasetName) -> DatasetVersion:
    """Make a staged version the next of its dataset. Raises NotFound when it was deleted."""
    _check_staged(sql, staged)
    row = datasets.row_of(sql, dataset)
    number = row.latest + 1
    shown = {"number": number, "create_time": moments.now(), "update_time": moments.now()}
    sql.execute(update(version_table).where(version_table.c.key == staged).values(**shown))
    sql.execute(update(dataset_table).where(dataset_table.c.key == row.key).values(latest=number))
    return versions.get(sql, VersionName(dataset, number))


def left_behind(sql: Connection, silent_seconds: float) -> list[int]:
    """Return the rows of the staged versions that nobody has added to for so long."""
    silent = version_table.c.update_time <= lease_clock.now(sql) - round(silent_seconds * 1e6)
    return list(sql.execute(select(version_table.c.key).where(version_table.c.number < 0, silent)).scalars())


def remove_piece(sql: Connection, staged: int) -> bool:
    """Delete a piece of a staged version, at the end the version; return whether something is left.

    From the first piece on nobody can add to it, or show it.
    """
    mine = (version_table.c.key == staged) & (version_table.c.number < 0)
    if not sql.execute(update(version_table).where(mine).values(state=REMOVED)).rowcount:
        return False
    some = select(table.c.key).where(table.c.version == staged).limit(PIECE)
    if sql.execute(table.delete().where(table.c.key.in_(some.scalar_subquery()))).rowcount:
        return True
    sql.execute(version_table.delete().where(mine))
    return False


def changes_of(sql: Connection, version: int) -> int:
    """Return the number of the last change of a version's files. Raises NotFound."""
    found = sql.execute(select(version_table.c.changes).where(version_table.c.key == version)).scalar_one_or_none()
    if found is None:
        raise NotFound("the version was deleted meanwhile", metadata={"resource": "version"})
    return int(found)


def _check_staged(sql: Connection, staged: int) -> None:
    mine = (version_table.c.key == staged) & (version_table.c.state == VersionState.DRAFT.value)
    if sql.execute(select(version_table.c.key).where(mine)).first() is None:
        raise NotFound("the copy was removed meanwhile", metadata={"resource": "version"})


def _copy(sql: Connection, source: int, staged: int, chosen: ColumnElement[bool]) -> None:
    """Copy the chosen files of a version as they are now, and what taggers said of them."""
    changes_of(sql, source)
    _check_staged(sql, staged)
    alive = update(version_table).where(version_table.c.key == staged).values(update_time=lease_clock.now(sql))
    sql.execute(alive)
    uris = select(table.c.uri).where(table.c.version == source, chosen)
    before = (table.c.version == staged) & table.c.uri.in_(uris.scalar_subquery())
    count, size = _counted(sql, before)
    if count:
        sql.execute(table.delete().where(before))
    copied = _columns(sql, source, staged)
    there = (table.c.version == source) & (table.c.status == FileStatus.ACTIVE.value) & chosen
    sql.execute(
        insert(table).from_select(list(copied), select(*copied.values()).where(there).order_by(table.c.uri))
    )  # fmt: skip
    more, larger = _counted(sql, before)
    files.count_more(sql, staged, more - count, larger - size)
    _copy_taggings(sql, source, staged, chosen)


def _counted(sql: Connection, chosen: ColumnElement[bool]) -> tuple[int, int]:
    row = sql.execute(select(func.count(), func.coalesce(func.sum(table.c.size_bytes), 0)).where(chosen)).one()
    return int(row[0]), int(row[1])


def _columns(sql: Connection, source: int, staged: int) -> dict[str, Any]:
    """Return what the columns of a copy are selected as: it is read where the file was, and not indexed."""
    kept = sql.execute(select(version_table).where(version_table.c.key == source)).one()
    own, now = table.c.origin_uri != "", moments.now()
    return {each.name: each for each in table.c if each.name not in _OWN} | {
        "version": literal(staged),
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


def _copy_taggings(sql: Connection, source: int, staged: int, chosen: ColumnElement[bool]) -> None:
    ours = table.alias()
    kept = [each for each in taggings.c if each.name != "file"]
    said = (
        select(ours.c.key, *kept)
        .select_from(taggings.join(table, taggings.c.file == table.c.key).join(ours, ours.c.uri == table.c.uri))
        .where(table.c.version == source, chosen, ours.c.version == staged, taggings.c.superseded_by == "")
    )
    sql.execute(insert(taggings).from_select(["file", *(each.name for each in kept)], said))
