"""Opens the storage of a version, and reads its files as contents that models take."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import Row, select

from sensorium.dataset.checks import check_workspace
from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.storages.file_store import OF_ONE_FILE, FileStore
from sensorium.dataset.storages.logical_files import LogicalFiles
from sensorium.dataset.tables import datasets, versions
from sensorium.errors import InvalidArgument, Reason, SensoriumError
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.dataset import Edition
from sensorium.model.dataset_names import ConnectionName
from sensorium.storage.store import Store

READERS = 8
MOST_TEXT_BYTES = 1 << 20
MOST_MEDIA_BYTES = 32 << 20

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


async def contents_of(storage: FileStore, rows: Sequence[Row[Any]]) -> list[Content | SensoriumError]:
    """Return the content of each file or why there is none, in order."""
    gate = asyncio.Semaphore(READERS)

    async def read(row: Row[Any]) -> Content | SensoriumError:
        async with gate:
            try:
                return await _content(storage, row)
            except OF_ONE_FILE as error:
                return error

    return list(await asyncio.gather(*map(read, rows)))


async def _content(storage: FileStore, row: Row[Any]) -> Content:
    match row.file_type:
        case "text":
            return Content.of_text(_text(await storage.read(row.uri, MOST_TEXT_BYTES)))
        case "image" | "audio" | "video" as kind:
            media = Media(await storage.read(row.uri, MOST_MEDIA_BYTES))
            return Content((Part(Modality(kind), media),))
        case kind:
            raise InvalidArgument(
                f"no model takes {kind}",
                reason=Reason.MODALITY_UNSUPPORTED,
                metadata={"modality": kind, "supported": "text, image, audio, video"},
            )


def _text(encoded: bytes) -> str:
    try:
        return encoded.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidArgument("the text is not UTF-8", reason=Reason.MEDIA_UNDECODABLE) from None
