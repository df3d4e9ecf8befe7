"""Thumbnails of files: what their port promises, from the cache or made from the file."""

import hashlib
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from sensorium.dataset import versions
from sensorium.dataset.jobs.version_files import MOST_MEDIA_BYTES, OpenVersion
from sensorium.dataset.tables import files
from sensorium.dataset.thumbnail_cache import ThumbnailCache
from sensorium.dataset.thumbnail_mode import ThumbnailMode, read_mode
from sensorium.dataset.thumbnail_picture import thumbnail
from sensorium.errors import InvalidArgument, NotFound, Reason
from sensorium.model.dataset_file import Thumbnail
from sensorium.model.dataset_names import FileName
from sensorium.storage.store import Store
from sensorium.storage.workers import Workers


class ThumbnailService:
    """Gives thumbnails; implements `dataset_ports.Thumbnails`.

    Args:
        store: An open catalog.
        opened: Opens the storage of a version.
        cache: Keeps what was made.
        workers: Read, decode and encode.
        max_pixels: Width x height of a picture that is decoded, at most.
    """

    def __init__(
        self, store: Store, opened: OpenVersion, *, cache: ThumbnailCache, workers: Workers, max_pixels: int
    ) -> None:
        self._store = store
        self._opened = opened
        self._cache = cache
        self._workers = workers
        self._max_pixels = max_pixels

    async def get_thumbnail(self, name: FileName, mode: str = "") -> Thumbnail:
        """Return a small picture of an image.

        Raises:
            NotFound: There is no such record, or its file has vanished.
            InvalidArgument: The mode is none; MODALITY_UNSUPPORTED: the file is no image; MEDIA_UNDECODABLE;
                CONTENT_TOO_LONG: it has too many bytes or pixels.
            ResourceExhausted: QUEUE_FULL: too many wait.
        """
        wanted = read_mode(mode)
        row = await self._store.read(lambda sql: _row(sql, name))
        if row.file_type != "image":
            raise InvalidArgument(
                f"{name} is no image: there are thumbnails of images alone",
                reason=Reason.MODALITY_UNSUPPORTED,
                metadata={"modality": row.file_type, "supported": "image"},
            )
        key = _key(row, wanted)
        kept = await self._workers.run(lambda: self._cache.get(key))
        if kept:
            return kept
        data = await (await self._opened(row.version)).read(row.uri, MOST_MEDIA_BYTES)
        return await self._workers.run(lambda: self._made(key, data, wanted))

    def _made(self, key: str, data: bytes, mode: ThumbnailMode) -> Thumbnail:
        made = thumbnail(data, mode, self._max_pixels)
        self._cache.put(key, made)
        return made


def _row(sql: Connection, name: FileName) -> Row[Any]:
    columns: tuple[ColumnElement[Any], ...] = (files.c.version, files.c.uri, files.c.file_type, files.c.fingerprint)
    mine = (files.c.version == versions.row_of(sql, name.version).key) & (files.c.id == name.id)
    row = sql.execute(select(*columns).where(mine)).one_or_none()
    if row is None:
        raise NotFound(f"there is no {name}", metadata={"resource": str(name)})
    return row


def _key(row: Row[Any], mode: ThumbnailMode) -> str:
    """Return what tells a thumbnail from all others; another content has another fingerprint."""
    said = repr((row.version, row.uri, row.fingerprint, mode))
    return hashlib.blake2b(said.encode(errors="surrogatepass"), digest_size=16).hexdigest()
