"""What the catalog says of tags, in SQL: what taggers gave, what people gave, and what people took away."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from sensorium.dataset import files
from sensorium.dataset.file_fields import tokens_of
from sensorium.dataset.tables import files as file_table
from sensorium.dataset.tables import tag_edits, taggings
from sensorium.model.dataset_file import TagChange, TagEdit, TagKind
from sensorium.storage import moments

Tags = tuple[list[str], list[str], list[str]]


def rewrite(
    sql: Connection,
    version: int,
    keys: Sequence[int],
    change: Callable[[Row[Any]], Tags],
    *,
    job: str = "",
    by: str = "",
) -> int:
    """Write the algorithm, user and deleted tags that `change` returns for each file; return how many changed.

    What changed goes to the history, and to the search documents, in the same transaction.
    """
    rows = sql.execute(select(file_table).where(file_table.c.key.in_(keys))).all()
    now = moments.now()
    written, history = [], []
    for row in rows:
        before = (row.algorithm_tags, row.user_tags, row.deleted_tags)
        after = change(row)
        if (differences := list(_differences(before, after))) or before != after:
            written.append(_columns(row, after, now))
            said = {"file": row.key, "job": job, "request_id": by, "create_time": now}
            history += [{**said, "kind": kind, "added": new, "removed": old} for kind, new, old in differences]
    if written:
        change_number = files.next_change(sql, version)
        written = [{**each, "change": change_number} for each in written]
        sql.execute(update(file_table).where(file_table.c.key == bindparam("changed")), written)
        files.project(sql, version, [row["changed"] for row in written])
    if history:
        sql.execute(insert(tag_edits), history)
    return len(written)


def edited(row: Row[Any], edit: TagEdit) -> Tags:
    """Return the tags of a file after an edit; only tags that an algorithm gave can be hidden."""
    user = sorted(({*row.user_tags} | {*edit.add}) - {*edit.remove})
    hidden = {*edit.hide} & {*row.algorithm_tags}
    deleted = sorted(({*row.deleted_tags} | hidden) - {*edit.restore})
    return row.algorithm_tags, user, deleted


def effective(given: Tags) -> list[str]:
    """Return the tags that count, of algorithm, user and deleted tags."""
    algorithm, user, deleted = given
    return sorted(({*algorithm} | {*user}) - {*deleted})


def tag(sql: Connection, version: int, job: str, said: Mapping[int, Mapping[str, Any]]) -> None:
    """Write what a tagging job said of files, by their keys; of one definition the latest counts."""
    definition = next(iter(said.values()))["definition"] if said else ""
    same = taggings.c.file.in_(list(said)) & (taggings.c.definition == definition)
    sql.execute(taggings.delete().where(taggings.c.file.in_(list(said)), taggings.c.job == job))
    sql.execute(update(taggings).where(same, taggings.c.superseded_by == "").values(superseded_by=job))
    now = moments.now()
    rows = [{"file": key, "job": job, "superseded_by": "", "create_time": now, **each} for key, each in said.items()]
    if rows:
        sql.execute(insert(taggings), rows)
    refresh(sql, version, list(said), job)


def revert(sql: Connection, version: int, keys: Sequence[int], reverted: str, job: str) -> None:
    """Take back what the job `reverted` said of files; what counted before it counts again."""
    mine = taggings.c.file.in_(keys) & (taggings.c.job == reverted)
    heirs = {row.file: row.superseded_by for row in sql.execute(select(taggings).where(mine))}
    sql.execute(taggings.delete().where(mine))
    for heir in set(heirs.values()):
        of_heir = [key for key, each in heirs.items() if each == heir]
        waiting = taggings.c.file.in_(of_heir) & (taggings.c.superseded_by == reverted)
        sql.execute(update(taggings).where(waiting).values(superseded_by=heir))
    refresh(sql, version, keys, job)


def without(sql: Connection, keys: Sequence[int], reverted: str) -> dict[int, set[str]]:
    """Return the algorithm tags that files would have once `revert` took back what the job `reverted` said of them."""
    rows = sql.execute(select(taggings).where(taggings.c.file.in_(keys))).all()
    heirs = {row.file: row.superseded_by for row in rows if row.job == reverted}
    given: dict[int, set[str]] = {}
    for row in rows:
        heir = heirs.get(row.file, "") if row.superseded_by == reverted else row.superseded_by
        if row.job != reverted and not heir:
            given.setdefault(row.file, set()).update(each[0] for each in row.tags)
    return given


def refresh(sql: Connection, version: int, keys: Sequence[int], job: str) -> None:
    """Let the tags of files follow what taggers said of them."""
    said: dict[int, set[str]] = {}
    current = taggings.c.file.in_(keys) & (taggings.c.superseded_by == "")
    for row in sql.execute(select(taggings.c.file, taggings.c.tags).where(current)):
        said.setdefault(row.file, set()).update(each[0] for each in row.tags)

    def algorithm(row: Row[Any]) -> Tags:
        given = sorted(said.get(row.key, ()))
        return given, row.user_tags, row.deleted_tags

    files.mark_changed(sql, version, keys)
    rewrite(sql, version, keys, algorithm, job=job)


def page(sql: Connection, file: int, before: int, limit: int) -> tuple[list[tuple[int, TagChange]], bool]:
    """Return up to `limit` changes of a file's tags below the key `before`, latest first, and if there are more."""
    wanted = select(tag_edits).where(tag_edits.c.file == file, tag_edits.c.key < before)
    rows = sql.execute(wanted.order_by(tag_edits.c.key.desc()).limit(limit + 1)).all()
    return [(row.key, _change(row)) for row in rows[:limit]], len(rows) > limit


def _columns(row: Row[Any], after: Tags, now: int) -> dict[str, Any]:
    algorithm, user, deleted = after
    shown = effective(after)
    return {
        "changed": row.key,
        "algorithm_tags": algorithm,
        "user_tags": user,
        "deleted_tags": deleted,
        "tags": shown,
        "tokens": tokens_of(row.file_name, row.file_dir, shown, row.attributes),
        "tag_update_time": now,
    }


def _differences(before: Tags, after: Tags) -> Iterable[tuple[str, list[str], list[str]]]:
    for kind, old, new in zip(TagKind, before, after, strict=True):
        added, removed = sorted({*new} - {*old}), sorted({*old} - {*new})
        if added or removed:
            yield kind.value, added, removed


def _change(row: Row[Any]) -> TagChange:
    moment = moments.from_micros(row.create_time)
    return TagChange(moment, TagKind(row.kind), tuple(row.added), tuple(row.removed), row.job, row.request_id)
