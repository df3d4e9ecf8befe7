"""Keeps a second process off a data directory, for the index and the group commit have one owner."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from sensorium.errors import FailedPrecondition


class Ownership:
    """A lock on `file` while the context is open; it ends with the process, however that ends."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            FailedPrecondition: FILE_UNUSABLE, when another process holds it.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise FailedPrecondition(
                f"another process works on {self._file.parent}: it holds {self._file.name}",
                metadata={"file": str(self._file)},
            ) from error
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
