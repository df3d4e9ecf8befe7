"""Opens the storage of a version, and reads its files as contents that models take."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from sensorium.dataset.checks import check_workspace
from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.storages.file_store import FileStore
from sensorium.dataset.storages.local_files import too_long
from sensorium.dataset.storages.logical_files import LogicalFiles
from sensorium.dataset.tables import datasets, files, versions
from sensorium.errors import InvalidArgument, Reason, SensoriumError
from sensorium.in_order import in_order
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.dataset import Edition
from sensorium.model.dataset_names import ConnectionName
from sensorium.storage.store import Store

# So many files are read one after another in one thread, which costs less than to wake one for each.
TOGETHER = 32
AT_ONCE = 2
MOST_MEDIA_BYTES = 32 << 20
# The kinds of files that models take, and how large they may be.
MOST_BYTES = {"text": 1 << 20, "image": MOST_MEDIA_BYTES, "audio": MOST_MEDIA_BYTES, "video": MOST_MEDIA_BYTES}

OpenVersion = Callable[[int], Awaitable[FileStore]]


def opener(store: Store, connections: ConnectionService) -> OpenVersion:
    """Return what opens the storage of the version in a row."""

    async def opened_at(connection: str, uri: str, workspace: str) -> FileStore:
        name = ConnectionName.parse(connection) if connection else None
        check_workspace(name, workspace, "connection")
        return await connections.open_files(name, uri)

    async def opened(version: int) -> FileStore:
        columns = (versions.c.uri, versions.c.connection, versions.c.source, datasets.c.edition, datasets.c.workspace)
        where = select(*columns).join_from(versions, datasets).where(versions.c.key == version)
        row = await store.read(lambda sql: sql.execute(where).one())
        logical = row.edition == Edition.LOGICAL
        own = None if logical else await opened_at(row.connection, row.uri, row.workspace)
        if own and not row.source:
            return own
        return LogicalFiles(store, version, lambda origin: opened_at(*origin, row.workspace), own)

    return opened


def count_files(sql: Connection, chosen: ColumnElement[bool]) -> int:
    """Return how many files satisfy a condition."""
    return int(sql.execute(select(func.count()).select_from(files).where(chosen)).scalar_one())


def behind(chosen: ColumnElement[bool], key: int, limit: int) -> Select[Any]:
    """Select some of the files that satisfy a condition, by key, behind the one with `key`."""
    return select(files).where(chosen, files.c.key > key).order_by(files.c.key).limit(limit)


async def contents_of(storage: FileStore, rows: Sequence[Row[Any]]) -> list[Content | SensoriumError]:
    """Return the content of each file or why there is none, in order."""
    together = in_order(_together(rows), lambda some: _contents(storage, some), depth=AT_ONCE)
    async with aclosing(together) as groups:
        return [each async for group in groups for each in group]


async def _together(rows: Sequence[Row[Any]]) -> AsyncIterator[Sequence[Row[Any]]]:
    for start in range(0, len(rows), TOGETHER):
        yield rows[start : start + TOGETHER]


async def _contents(storage: FileStore, rows: Sequence[Row[Any]]) -> list[Content | SensoriumError]:
    read: dict[str, bytes | SensoriumError] = {}
    for most in set(MOST_BYTES.values()):
        wanted = [row.uri for row in rows if MOST_BYTES.get(row.file_type) == most]
        read |= zip(wanted, await storage.heads(wanted, most + 1), strict=True)
    return [_content_or_error(row, read.get(row.uri, b"")) for row in rows]


def _content_or_error(row: Row[Any], read: bytes | SensoriumError) -> Content | SensoriumError:
    if isinstance(read, SensoriumError):
        return read
    try:
        return _content(row, read)
    except InvalidArgument as error:
        return error


def _content(row: Row[Any], read: bytes) -> Content:
    kind = row.file_type
    if kind not in MOST_BYTES:
        raise InvalidArgument(
            f"no model takes {kind}",
            reason=Reason.MODALITY_UNSUPPORTED,
            metadata={"modality": kind, "supported": ", ".join(MOST_BYTES)},
        )
    if len(read) > MOST_BYTES[kind]:
        raise too_long(row.uri, MOST_BYTES[kind])
    return Content.of_text(_text(read)) if kind == "text" else Content((Part(Modality(kind), Media(read)),))


def _text(encoded: bytes) -> str:
    try:
        return encoded.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidArgument("the text is not UTF-8", reason=Reason.MEDIA_UNDECODABLE) from None
