"""Keeps the bitmaps of versions in files, so that a process that starts need not make them anew.

A file is NumPy's `.npz` (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), and is worth what the
catalog says of it. Its row there was committed behind all the changes that the bitmaps have followed, so a catalog that
has the row has these changes too, be it one that was brought back from a backup. A file with another digest is torn, or
of another catalog or moment, and is not read.
"""

import hashlib
from io import BufferedIOBase
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import structlog
from sqlalchemy import Connection, delete, insert, select

from sensorium.dataset.bitmaps.arrays import Arrays
from sensorium.dataset.bitmaps.version_bitmaps import NUMBERS, TEXTS, WORDS, VersionBitmaps
from sensorium.dataset.file_fields import TAG_FIELDS
from sensorium.dataset.tables import bitmap_files, versions
from sensorium.storage.space import Space

# The number is raised whenever bitmaps come to mean something else, or a migration changes files without numbering it.
FORMAT = " ".join(("1", *TEXTS, *NUMBERS, *WORDS, *TAG_FIELDS))
_NAME_CHARS = 32

_log = structlog.get_logger(__name__)


class BitmapShelf:
    """Files of bitmaps in a folder.

    Args:
        folder: Where they are; made when the first is written.
        worker: The name of this process among those that share the catalog, each of which has its own files.
        min_free_bytes: What is kept free of the disk.
    """

    def __init__(self, folder: Path, worker: str, min_free_bytes: int = 0) -> None:
        self._folder = folder
        self._worker = worker
        self._space = Space(folder, min_free_bytes)

    def has(self, version: int) -> bool:
        """Return whether there is a file of the version in row `version`, whatever it is worth."""
        return any(self._folder.glob(_names(version)))

    def take(self, sql: Connection, version: int) -> tuple[VersionBitmaps, int] | None:
        """Return the bitmaps of the version in row `version`, and the change number that they have followed to.

        None when there is no file, or none that can be relied on.
        """
        mine = (bitmap_files.c.version == version) & (bitmap_files.c.worker == self._worker)
        row = sql.execute(select(bitmap_files).where(mine)).one_or_none()
        if row is None or row.format != FORMAT:
            return None
        bitmaps = VersionBitmaps()
        try:
            with self._file(version, row.sha256).open("rb") as file:
                if _digest(file) != row.sha256:
                    raise ValueError("its digest is another")
                with np.load(file, allow_pickle=False) as arrays:
                    bitmaps.restore({name: arrays[name] for name in arrays.files})
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            _log.warning("bitmaps_not_read", version=version, error=str(error))
            return None
        return bitmaps, row.change

    def write(self, version: int, arrays: Arrays) -> str:
        """Write a file, which counts for nothing until it is signed; return its digest.

        Raises:
            ResourceExhausted: STORAGE_FULL.
            OSError: It cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._space.check()
        partial = self._folder / f".{version}-{self._worker}"
        try:
            with partial.open("w+b") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]  # No array has the name of an argument.
                digest = _digest(file)
            partial.replace(self._file(version, digest))
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return digest

    def sign(self, sql: Connection, version: int, digest: str, change: int) -> None:
        """Let the file with a digest count for the bitmaps as they were at a change number that is committed."""
        if sql.execute(select(versions.c.key).where(versions.c.key == version)).first() is None:
            return
        mine = (bitmap_files.c.version == version) & (bitmap_files.c.worker == self._worker)
        sql.execute(delete(bitmap_files).where(mine))
        row = {"version": version, "worker": self._worker, "format": FORMAT, "sha256": digest, "change": change}
        sql.execute(insert(bitmap_files).values(row))

    def sweep(self, sql: Connection) -> None:
        """Remove the files that count for nothing; nothing may be written meanwhile."""
        rows = sql.execute(select(bitmap_files.c.version, bitmap_files.c.sha256)).all()
        wanted = {self._file(row.version, row.sha256) for row in rows}
        for file in self._folder.glob("*"):
            if file not in wanted:
                file.unlink(missing_ok=True)

    def forget(self, version: int) -> None:
        """Remove the files of a version that is deleted."""
        for file in self._folder.glob(_names(version)):
            file.unlink(missing_ok=True)

    def _file(self, version: int, digest: str) -> Path:
        return self._folder / f"{version}-{digest[:_NAME_CHARS]}.npz"


def _names(version: int) -> str:
    return f"{version}-*.npz"


def _digest(file: BufferedIOBase) -> str:
    file.seek(0)
    found = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return found
