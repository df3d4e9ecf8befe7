"""Compares two versions in SQL: which files one has and the other not, and which differ."""

from collections.abc import Sequence

from sqlalchemy import Connection, String, Subquery, and_, case, cast, false, func, select

from sensorium.dataset.tables import files
from sensorium.model.dataset_file import FileStatus
from sensorium.model.version_difference import DifferenceKind, FileDifference

_TAGS = cast(files.c.tags, String)  # They are sorted, so equal tags are equal texts.


def counts(sql: Connection, version: int, base: int) -> dict[DifferenceKind, int]:
    """Return how many files differ between the versions in these rows, by kind."""
    differing = _differing(version, base, "")
    counted = sql.execute(select(differing.c.kind, func.count()).group_by(differing.c.kind))
    return {DifferenceKind(kind): int(number) for kind, number in counted}


def differences(sql: Connection, version: int, base: int, after: str, limit: int) -> list[FileDifference]:
    """Return up to `limit` files that differ, by URI, behind the URI `after`."""
    differing = _differing(version, base, after)
    found = sql.execute(select(differing).order_by(differing.c.uri).limit(limit)).all()
    ours, theirs = (_tags(sql, each, [row.uri for row in found]) for each in (version, base))
    return [_difference(row.uri, row.kind, ours.get(row.uri, []), theirs.get(row.uri, [])) for row in found]


def _differing(version: int, base: int, after: str) -> Subquery:
    """Return URI and kind of the files that are not the same in both."""
    kind = case(
        (and_(func.count() == 1, func.max(files.c.version) == version), DifferenceKind.ADDED.value),
        (func.count() == 1, DifferenceKind.REMOVED.value),
        (func.min(files.c.fingerprint) != func.max(files.c.fingerprint), DifferenceKind.CHANGED.value),
        (func.min(_TAGS) != func.max(_TAGS), DifferenceKind.TAGS_CHANGED.value),
    ).label("kind")
    there = files.c.version.in_((version, base)) & (files.c.status == FileStatus.ACTIVE.value) & (files.c.uri > after)
    compared = select(files.c.uri, kind).where(there).group_by(files.c.uri).subquery()
    # A version does not differ from itself, though each of its files stands in one version alone.
    return select(compared).where(compared.c.kind.is_not(None) if version != base else false()).subquery()


def _tags(sql: Connection, version: int, uris: Sequence[str]) -> dict[str, list[str]]:
    wanted = files.c.uri.in_(uris) & (files.c.version == version) & (files.c.status == FileStatus.ACTIVE.value)
    return {row.uri: row.tags for row in sql.execute(select(files.c.uri, files.c.tags).where(wanted))}


def _difference(uri: str, kind: str, ours: Sequence[str], theirs: Sequence[str]) -> FileDifference:
    added, removed = sorted({*ours} - {*theirs}), sorted({*theirs} - {*ours})
    return FileDifference(uri, DifferenceKind(kind), tuple(added), tuple(removed))
