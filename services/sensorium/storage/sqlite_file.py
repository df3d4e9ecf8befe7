"""The database of one process: a SQLite file that it owns."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from sensorium.storage.engine import open_engine
from sensorium.storage.owner import Ownership
from sensorium.storage.space import Space


class SqliteFile:
    """Implements `Database`.

    Args:
        file: Made when it does not exist.
        min_free_bytes: What is kept free of its disk.
    """

    def __init__(self, file: Path, min_free_bytes: int = 0) -> None:
        self._file = file
        self._space = Space(file.parent, min_free_bytes)

    @property
    def place(self) -> str:
        """The path of the file."""
        return str(self._file)

    def owned(self) -> AbstractContextManager[object]:
        """Keep other processes off. Raises FailedPrecondition (FILE_UNUSABLE)."""
        return Ownership(self._file.with_suffix(".lock"))

    def writing(self) -> Engine:
        """Return an engine with one connection, which locks the file when it begins."""
        return open_engine(self._file, begin="BEGIN IMMEDIATE", connections=1)

    def reading(self, connections: int) -> Engine:
        """Return an engine whose transactions see one moment of the file."""
        return open_engine(self._file, begin="BEGIN", connections=connections)

    def check_space(self) -> None:
        """Refuse a write that would use what is kept free. Raises ResourceExhausted (STORAGE_FULL)."""
        self._space.check()

    def is_full(self, error: OperationalError) -> bool:
        """Return whether the disk is full."""
        return getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL"

    def reserved(self, _task: str, /) -> AbstractContextManager[bool]:
        """Give True: there is no other process."""
        return nullcontext(True)
