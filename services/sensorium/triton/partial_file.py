"""A weights file on its way: kept when a transfer is cut, gone on with later, put in place only when it is right."""

import fcntl
import hashlib
import os
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from sensorium.errors import Aborted, FailedPrecondition
from sensorium.triton.manifest import Weights
from sensorium.triton.stamp import CHUNK_BYTES, Stamp


class PartialFile:
    """The part of a weights file that has come so far, beside the place where the whole is to lie.

    Entering the block opens and hashes what an earlier run has left. Leaving it keeps what is not whole yet.

    Args:
        target: Where the whole file belongs.
        weights: What it must be.
    """

    def __init__(self, target: Path, weights: Weights) -> None:
        # Named by its hash: a manifest that wants another file does not go on with this one.
        self.path = target.parent / ".partial-pull" / f"{target.name}.{weights.sha256[:16]}"
        self.size = 0
        self._target = target
        self._weights = weights

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = FileIO(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644), "r+")
            self._lock()
            self._read()
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.size:
            self.path.unlink(missing_ok=True)
        self._file.close()
        with suppress(OSError):  # Parts of other files may lie there.
            self.path.parent.rmdir()

    @property
    def is_whole(self) -> bool:
        """Whether as many bytes have come as the file has."""
        return self.size == self._weights.size_bytes

    def expect(self, content_length: str) -> None:
        """Raise FailedPrecondition when a server states a length that is not the file's."""
        if content_length and content_length != str(self._weights.size_bytes):
            raise FailedPrecondition(f"another file: {content_length} bytes instead of {self._weights.size_bytes}")

    def append(self, chunk: bytes) -> None:
        """Add the bytes that follow. Raises FailedPrecondition when there are too many, or they cannot be written."""
        if self.size + len(chunk) > self._weights.size_bytes:
            self.discard()
            raise FailedPrecondition(f"more than the {self._weights.size_bytes} bytes that the file must have")
        try:
            self._file.write(chunk)
        except OSError as error:
            raise self._unwritable(error) from error
        self._digest.update(chunk)
        self.size += len(chunk)

    def discard(self) -> None:
        """Begin again with nothing."""
        self._file.seek(0)
        self._file.truncate()
        self._digest, self.size = hashlib.sha256(), 0

    def place(self) -> None:
        """Put the whole file in its place. Raises FailedPrecondition, and discards it, when its hash is another."""
        sha256 = self._digest.hexdigest()
        if sha256 != self._weights.sha256:
            self.discard()
            raise FailedPrecondition(f"a damaged or another file: SHA-256 {sha256} instead of {self._weights.sha256}")
        try:
            os.fsync(self._file.fileno())
            self.path.replace(self._target)
            Stamp.of(self._target, self._weights.sha256, sha256).write(self._target)
        except OSError as error:
            raise self._unwritable(error) from error

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Aborted(f"another command is fetching {self._target} now: wait for its end") from None

    def _read(self) -> None:
        self._digest = hashlib.sha256()
        while chunk := self._file.read(CHUNK_BYTES):
            self._digest.update(chunk)
            self.size += len(chunk)
        if self.size > self._weights.size_bytes:
            self.discard()

    def _unwritable(self, error: OSError) -> FailedPrecondition:
        return FailedPrecondition(f"{self.path} cannot be written: {error.strerror}")
