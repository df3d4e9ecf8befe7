"""Writes files into a folder of this machine, under roots that the settings allow."""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterable
from pathlib import Path
from typing import BinaryIO

from sensorium.dataset.storages.file_sink import Written
from sensorium.dataset.storages.local_files import fault, refused
from sensorium.errors import NotFound, PermissionDenied, SensoriumError
from sensorium.storage.space import full


class LocalSink:
    """Implements `FileSink` on a folder, which is made when it is missing.

    A draft lies beside its file under a name made from it, so that a repeat after a crash replaces it.

    Args:
        base: The folder, absolute and resolved.
    """

    def __init__(self, base: Path) -> None:
        self._base = base

    async def exists(self, path: str) -> bool:
        """Return whether there is a file at `path`."""
        return await asyncio.to_thread((self._base / path).exists)

    async def put(self, path: str, chunks: AsyncIterable[bytes]) -> Written:
        """Write a file, which gets its name when it is on the disk."""
        place = self._base / path
        try:
            return await self._put(place, chunks)
        except OSError as error:
            raise _fault(error, place) from error

    async def _put(self, place: Path, chunks: AsyncIterable[bytes]) -> Written:
        draft = await asyncio.to_thread(self._draft, place)
        digest, size = hashlib.sha256(), 0
        with os.fdopen(draft, "wb") as stream:
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                await asyncio.to_thread(stream.write, chunk)
            await asyncio.to_thread(_keep, stream, place)
        return Written(digest.hexdigest(), size)

    def _draft(self, place: Path) -> int:
        """Open the draft of a file; raise InvalidArgument when a link leads its folder out of the base."""
        place.parent.mkdir(parents=True, exist_ok=True)
        if not Path(os.path.realpath(place.parent)).is_relative_to(self._base):
            raise refused(str(place), "it is outside the folder of the export")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(_draft_of(place), flags, 0o644)


def _draft_of(place: Path) -> Path:
    return place.with_name(f".{place.name}.part")


def _keep(stream: BinaryIO, place: Path) -> None:
    """Bring a draft to the disk, then give it its name."""
    stream.flush()
    os.fsync(stream.fileno())
    _draft_of(place).replace(place)
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _fault(error: OSError, place: Path) -> SensoriumError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return full(str(place.parent))
    match found := fault(error, str(place)):
        case PermissionDenied() | NotFound():
            return PermissionDenied(f"{place} may not be written", metadata={"required": "write"})
        case _:
            return found
