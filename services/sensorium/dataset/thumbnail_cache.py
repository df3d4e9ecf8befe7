"""Keeps thumbnails in a folder of bounded size; the ones that were asked for longest ago go first."""

import contextlib
import hashlib
import os
import struct
import threading
from pathlib import Path

import structlog

from sensorium.model.dataset_file import Thumbnail

# Before the picture: a digest of all that follows, its size in pixels, and its MIME type.
_HEAD = struct.Struct("<16sII16s")
_LEFT_AFTER_TIDYING = 0.9

_log = structlog.get_logger(__name__)


class ThumbnailCache:
    """Thumbnails by keys. All can be made again, so what is damaged or could not be written is simply not there.

    Args:
        folder: Where they are; made when the first is written.
        most_bytes: The largest sum of their sizes; 0 keeps none.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._bytes: int | None = None

    def get(self, key: str) -> Thumbnail | None:
        """Return the thumbnail with a key, or None."""
        file = self._file(key)
        try:
            kept = file.read_bytes()
            os.utime(file)
        except OSError:
            return None
        return _read(kept)

    def put(self, key: str, thumbnail: Thumbnail) -> None:
        """Keep a thumbnail if there is room for it."""
        content = _written(thumbnail)
        if len(content) > self._most_bytes:
            return
        file = self._file(key)
        partial = file.with_name(f".{file.name}-{threading.get_ident()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(file)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            _log.warning("thumbnail_not_kept", error=str(error))
            return
        self._make_room(len(content))

    def _make_room(self, more: int) -> None:
        with self._lock:
            # Only a first look at the folder, and one that finds it full, reads all of it.
            self._bytes = None if self._bytes is None else self._bytes + more
            if self._bytes is None or self._bytes > self._most_bytes:
                self._bytes = self._tidied()

    def _tidied(self) -> int:
        """Remove what was asked for longest ago while there is too much; return how much is left."""
        found = sorted(self._listed())
        total = sum(size for _, size, _ in found)
        if total <= self._most_bytes:
            return total
        for _, size, file in found:
            if total <= _LEFT_AFTER_TIDYING * self._most_bytes:
                break
            file.unlink(missing_ok=True)
            total -= size
        return total

    def _listed(self) -> list[tuple[int, int, Path]]:
        listed = []
        for file in self._folder.glob("*/*"):
            try:
                told = file.stat()
            except OSError:  # Another thread removed it.
                continue
            listed.append((told.st_mtime_ns, told.st_size, file))
        return listed

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / key


def _written(thumbnail: Thumbnail) -> bytes:
    head = _HEAD.pack(b"", thumbnail.width, thumbnail.height, thumbnail.content_type.encode())
    rest = head[16:] + thumbnail.data
    return hashlib.blake2b(rest, digest_size=16).digest() + rest


def _read(kept: bytes) -> Thumbnail | None:
    if len(kept) < _HEAD.size or hashlib.blake2b(kept[16:], digest_size=16).digest() != kept[:16]:
        return None
    _, width, height, content_type = _HEAD.unpack_from(kept)
    return Thumbnail(kept[_HEAD.size :], content_type.rstrip(b"\0").decode(), width, height)
