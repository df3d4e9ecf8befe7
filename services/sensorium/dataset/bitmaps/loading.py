"""Reads from the catalog what bitmaps know of files, some thousand files at a time."""

import json
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, String, cast, func, literal, select

from sensorium.dataset.bitmaps.uri_blocks import SIZE, Stretch
from sensorium.dataset.bitmaps.version_bitmaps import NUMBERS, TEXTS, WORDS, FileValues, VersionBitmaps
from sensorium.dataset.file_fields import FIELDS, META, TAG_FIELDS, FileColumns
from sensorium.dataset.tables import files
from sensorium.model.document import AttributeValue

CHUNK = 10_000
# So many files are named in one statement.
NAMED = 5_000
_KNOWN_LISTS = 100_000


def fill(sql: Connection, version: int, bitmaps: VersionBitmaps) -> None:
    """Take in all files of the version in row `version`."""
    listed = sql.execute(select(files.c.key).where(files.c.version == version).order_by(files.c.uri))
    keys = np.sort(np.fromiter((row[0] for row in listed.yield_per(CHUNK)), np.int64))
    lists = _Lists()
    for start in range(0, len(keys), CHUNK):
        some = keys[start : start + CHUNK]
        # The stretch of keys is read as it lies; the index would be gone to for each file.
        within = files.c.key.between(int(some[0]), int(some[-1])) & (files.c.version + 0 == version)
        bitmaps.put(_read(sql, within, lists))
    divide(sql, version, bitmaps)


def fill_attributes(sql: Connection, version: int, bitmaps: VersionBitmaps, wanted: Sequence[str]) -> None:
    """Make columns of attributes; the bitmaps must know exactly the files that `sql` does."""
    bitmaps.attributes.begin(wanted)
    try:
        for start in range(0, len(bitmaps), CHUNK):
            some = bitmaps.keys[start : start + CHUNK]
            within = files.c.key.between(int(some[0]), int(some[-1])) & (files.c.version + 0 == version)
            written = sql.execute(select(cast(files.c.attributes, String)).where(within).order_by(files.c.key))
            positions = np.arange(start, start + len(some), dtype=np.uint32)
            bitmaps.attributes.put(positions, _attributes(written.scalars().all(), wanted))
    except BaseException:
        bitmaps.attributes.forget(wanted)
        raise


def changed(sql: Connection, version: int, after: int) -> NDArray[np.int64]:
    """Return the keys of the files that changed in the version since its change number `after`, rising."""
    found = sql.execute(select(files.c.key).where(files.c.version == version, files.c.change > after))
    return np.sort(np.fromiter((row[0] for row in found.yield_per(CHUNK)), np.int64))


def follow(sql: Connection, version: int, bitmaps: VersionBitmaps, keys: NDArray[np.int64]) -> None:
    """Take in files that changed in the version, or are new, by rising keys."""
    lists = _Lists()
    for start in range(0, len(keys), NAMED):
        named = files.c.key.in_(keys[start : start + NAMED].tolist())
        bitmaps.put(_read(sql, named, lists, bitmaps.attributes.keys))
    divide(sql, version, bitmaps)


def divide(sql: Connection, version: int, bitmaps: VersionBitmaps) -> None:
    """Divide the blocks of URIs that have become too large."""
    for crowded in bitmaps.blocks.crowded():
        within = select(files.c.uri, files.c.key).where(within_stretch(version, crowded)).order_by(files.c.uri)
        keys, starts = array("q"), []
        for row in sql.execute(within).yield_per(CHUNK):
            if keys and len(keys) % SIZE == 0:
                starts.append(row.uri)
            keys.append(row.key)
        positions = np.searchsorted(bitmaps.keys, np.frombuffer(keys, np.int64))
        bitmaps.blocks.split(crowded, starts, positions)


def within_stretch(version: int, stretch: Stretch) -> ColumnElement[bool]:
    """Return the condition for the files of a stretch of URIs."""
    found = (files.c.version == version) & (files.c.uri >= stretch.start)
    return found if stretch.end is None else found & (files.c.uri < stretch.end)


def _read(sql: Connection, chosen: ColumnElement[bool], lists: "_Lists", attributes: Sequence[str] = ()) -> FileValues:
    by_key, columns = {field.key: field for field in FIELDS}, FileColumns()
    names = (*TEXTS, *NUMBERS, *WORDS, *TAG_FIELDS)
    scalars = [
        *(columns.scalar(by_key[key]) for key in (*TEXTS, *NUMBERS)),
        *(func.coalesce(columns.tokens(by_key[key]), "") for key in WORDS),
    ]
    labelled = [each.label(f"c{at}") for at, each in enumerate(scalars)]
    # As they are written: few lists differ, and each is read once.
    texts = [cast(files.c[key], String).label(key) for key in TAG_FIELDS]
    said = cast(files.c.attributes if attributes else literal("{}"), String)
    wanted = select(files.c.key, files.c.uri, files.c.status, said.label("said"), *labelled, *texts)
    rows = sql.execute(wanted.where(chosen).order_by(files.c.key)).all()
    keys, uris, statuses, written, *values = zip(*rows, strict=True) if rows else [()] * (4 + len(names))
    tags = [[lists[text] for text in column] for column in values[-len(TAG_FIELDS) :]]
    found: Sequence[Sequence[Any]] = [*values[: -len(TAG_FIELDS)], *tags]
    numbers: NDArray[np.int64] = np.array(keys, np.int64)
    return FileValues(numbers, uris, statuses, dict(zip(names, found, strict=True)), _attributes(written, attributes))


def _attributes(written: Sequence[str], wanted: Sequence[str]) -> dict[str, list[AttributeValue | None]]:
    """Return the wanted values of files by the keys of fields; `written` is the JSON of all attributes of each."""
    found: dict[str, list[AttributeValue | None]] = {key: [] for key in wanted}
    names = [(key.removeprefix(META), found[key]) for key in wanted]
    for text in written if wanted else ():
        said = orjson.loads(text)
        for name, values in names:
            value = said.get(name)
            values.append(tuple(value) if isinstance(value, list) else value)
    return found


class _Lists(dict[str, list[str]]):
    """Lists of texts by their JSON."""

    def __missing__(self, text: str) -> list[str]:
        if len(self) >= _KNOWN_LISTS:
            self.clear()
        found: list[str] = json.loads(text)
        self[text] = found
        return found
