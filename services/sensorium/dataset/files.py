"""What the catalog says of files, in SQL."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from sensorium.dataset.file_fields import attribute_tokens
from sensorium.dataset.media_info import READ_ATTRIBUTES
from sensorium.dataset.tables import files, outbox, taggings, versions
from sensorium.errors import NotFound
from sensorium.model.dataset_file import AlgorithmTag, FileRecord, FileStatus, FileTags
from sensorium.model.dataset_names import FileName, VersionName
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import AssignedTag, TagEvidence
from sensorium.storage import moments

# What a file is that nobody has said anything of.
_NEW: Mapping[str, Any] = {
    "file_create_time": None, "comment": "", "algorithm_tags": [], "user_tags": [], "deleted_tags": [], "tags": [],
    "index_job": "", "index_of": "", "origin_connection": "", "origin_uri": "",
}  # fmt: skip
# What a re-import of a file overwrites.
_FACTS = (
    "file_name", "file_dir", "file_type", "content_type", "size_bytes", "fingerprint", "file_update_time", "width",
    "height", "duration_ms", "attributes", "status", "import_job", "update_time",
)  # fmt: skip
# What the import of an export overwrites too.
_CARRIED = ("file_create_time", "comment", "origin_connection", "origin_uri")
# What of a file that is there decides how it is written again.
_KNOWN = ("key", "uri", "fingerprint", "status", "import_job", "size_bytes", "tokens")


def get(sql: Connection, name: FileName, version: int) -> FileRecord:
    """Return one file of the version in row `version`. Raises NotFound."""
    row = sql.execute(select(files).where(files.c.version == version, files.c.id == name.id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no {name}", metadata={"resource": str(name)})
    return records(sql, name.version, [row])[0]


def records(sql: Connection, version: VersionName, rows: Sequence[Row[Any]]) -> list[FileRecord]:
    """Return the records of rows, with what taggers said of them."""
    said: dict[int, list[AlgorithmTag]] = {}
    current = select(taggings).where(
        taggings.c.file.in_([row.key for row in rows if row.algorithm_tags]), taggings.c.superseded_by == ""
    )
    for tagging in sql.execute(current.order_by(taggings.c.create_time, taggings.c.job)):
        said.setdefault(tagging.file, []).extend(tags_of(tagging))
    return [_record(version, row, said.get(row.key, ())) for row in rows]


def tags_of(tagging: Row[Any]) -> list[AlgorithmTag]:
    """Return the tags of one tagging."""
    return [
        AlgorithmTag(
            AssignedTag(tag, group, score, TagEvidence(explanation, similarity, part)),
            TagDefinitionName.parse(tagging.definition),
            tagging.definition_version,
            tagging.model,
            tagging.model_revision,
            tagging.job,
            moments.from_micros(tagging.create_time),
        )
        for tag, group, score, explanation, similarity, part in tagging.tags
    ]


def known(sql: Connection, version: int, uris: Sequence[str]) -> dict[str, Row[Any]]:
    """Return what a re-import must know of the files at `uris`, by URI."""
    wanted = select(*(files.c[name] for name in _KNOWN)).where(files.c.version == version, files.c.uri.in_(uris))
    found: dict[str, Row[Any]] = {row.uri: row for row in sql.execute(wanted).all()}
    return found


def register(sql: Connection, version: int, rows: Sequence[Mapping[str, Any]], *, read: bool = False) -> list[int]:
    """Add files, or change what is known of them; return the keys of those that were there. Their tags stay.

    Where the rows were `read` from the files themselves, attributes that callers gave stay too.
    """
    before = known(sql, version, [row["uri"] for row in rows])
    if read and before:
        rows = _with_given(sql, rows, before)
    change = next_change(sql, version)
    fresh = [{**_NEW, **row, "version": version, "change": change} for row in rows if row["uri"] not in before]
    if fresh:
        sql.execute(insert(files), fresh)
    known_ones = [row for row in rows if row["uri"] in before]
    names = [name for name in (*_FACTS, *_CARRIED) if rows and name in rows[0]]
    changed = [
        {
            "changed": before[row["uri"]].key,
            "change": change,
            "tokens": _with_tags(row["tokens"], before[row["uri"]].tokens),
            **{name: row[name] for name in names},
        }
        for row in known_ones
    ]
    if changed:
        sql.execute(update(files).where(files.c.key == bindparam("changed")), changed)
    active = [each for each in before.values() if each.status == FileStatus.ACTIVE]
    count_more(
        sql,
        version,
        len(rows) - len(active),
        sum(row["size_bytes"] for row in rows) - sum(each.size_bytes for each in active),
    )
    keys = [each["changed"] for each in changed]
    project(sql, version, keys)
    return keys


def differs(row: Row[Any], columns: Mapping[str, Any]) -> bool:
    """Return whether `register` would change what is known of a file, beside who wrote it and when."""
    names = {*_FACTS, *_CARRIED} - {"status", "import_job", "update_time"}
    return any(name in columns and getattr(row, name) != columns[name] for name in names)


def _with_given(
    sql: Connection, rows: Sequence[Mapping[str, Any]], before: Mapping[str, Row[Any]]
) -> list[Mapping[str, Any]]:
    """Return the columns of files together with the attributes that callers gave them before."""
    there = select(files.c.uri, files.c.attributes).where(files.c.key.in_([each.key for each in before.values()]))
    attributes = {row.uri: row.attributes for row in sql.execute(there)}
    together: list[Mapping[str, Any]] = []
    for row in rows:
        known_ones = attributes.get(row["uri"], {})
        given = {name: value for name, value in known_ones.items() if name not in READ_ATTRIBUTES}
        tokens = attribute_tokens(given) | row["tokens"]
        together.append({**row, "attributes": given | row["attributes"], "tokens": tokens})
    return together


def _with_tags(tokens: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Return the tokens of a file that is written again: its tags stay."""
    kept = {"tags": before["tags"]} if "tags" in before else {}
    return {key: text for key, text in tokens.items() if key != "tags"} | kept


def mark_deleted(sql: Connection, version: int, keys: Sequence[int]) -> int:
    """Mark files as deleted; return how many were there."""
    gone = (files.c.version == version) & files.c.key.in_(keys) & (files.c.status == FileStatus.ACTIVE.value)
    sizes = sql.execute(select(files.c.size_bytes).where(gone)).scalars().all()
    project(sql, version, keys)
    # Its vector goes, so when it comes back it is embedded again.
    change = next_change(sql, version)
    away = {"status": FileStatus.DELETED.value, "index_of": "", "update_time": moments.now(), "change": change}
    sql.execute(update(files).where(gone).values(**away))
    count_more(sql, version, -len(sizes), -sum(sizes))
    return len(sizes)


def next_change(sql: Connection, version: int) -> int:
    """Return the number of a change of files; whatever filters and facets read must not change without one."""
    counted = update(versions).where(versions.c.key == version).values(changes=versions.c.changes + 1)
    return int(sql.execute(counted.returning(versions.c.changes)).scalar_one())


def mark_changed(sql: Connection, version: int, keys: Sequence[int]) -> None:
    """Number a change of files that their own columns may not show, as what taggers said in full."""
    sql.execute(update(files).where(files.c.key.in_(keys)).values(change=next_change(sql, version)))


def count_more(sql: Connection, version: int, count: int, size: int) -> None:
    """Add to the counts of a version."""
    sql.execute(
        update(versions)
        .where(versions.c.key == version)
        .values(file_count=versions.c.file_count + count, size_bytes=versions.c.size_bytes + size)
    )


def project(sql: Connection, version: int, keys: Iterable[int]) -> None:
    """Let the search documents of files follow them, in this transaction's own time."""
    collection = sql.execute(select(versions.c.collection).where(versions.c.key == version)).scalar_one()
    if not collection:
        return
    indexed = files.c.key.in_(list(keys)) & (files.c.index_of != "")
    rows = sql.execute(select(files.c.key, files.c.id).where(indexed)).all()
    if rows:
        sql.execute(insert(outbox), [{"collection": collection, "file": row.key, "file_id": row.id} for row in rows])


def forget_collection(sql: Connection, version: int) -> None:
    """Let the search collection of a version go with it."""
    collection = sql.execute(select(versions.c.collection).where(versions.c.key == version)).scalar_one()
    if collection:
        sql.execute(insert(outbox), [{"collection": collection, "file": 0, "file_id": ""}])


def _record(version: VersionName, row: Row[Any], algorithm: Iterable[AlgorithmTag]) -> FileRecord:
    return FileRecord(
        name=FileName(version, row.id),
        uri=row.uri,
        file_name=row.file_name,
        file_dir=row.file_dir,
        file_type=row.file_type,
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        fingerprint=row.fingerprint,
        file_update_time=moments.from_micros(row.file_update_time),
        create_time=moments.from_micros(row.create_time),
        update_time=moments.from_micros(row.update_time),
        file_create_time=_moment(row.file_create_time),
        width=row.width,
        height=row.height,
        duration_ms=row.duration_ms,
        attributes={name: tuple(each) if isinstance(each, list) else each for name, each in row.attributes.items()},
        comment=row.comment,
        status=FileStatus(row.status),
        tags=FileTags(tuple(algorithm), tuple(row.user_tags), tuple(row.deleted_tags)),
        tag_update_time=_moment(row.tag_update_time),
        index_job=row.index_job,
        index_time=_moment(row.index_time),
    )


def _moment(micros: int | None) -> Any:
    return None if micros is None else moments.from_micros(micros)
