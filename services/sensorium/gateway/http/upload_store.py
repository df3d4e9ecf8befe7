"""Keeps uploaded files for a time. Names of clients never become names of files, so no path leads elsewhere."""

import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from sensorium.errors import AlreadyExists, InvalidArgument, NotFound, Reason, ResourceExhausted, Unavailable
from sensorium.gateway.http.upload_ticket import ROOT, Clock
from sensorium.settings import UploadSettings

_SWEEP_SECONDS = 60.0
_MAX_KEY_BYTES = 1024
_PARTIAL = ".partial"


class UploadStore:
    """The uploaded files of all keys. Its methods block.

    Args:
        folder: Where they lie; made when the first comes.
        settings: How many and how long.
        clock: Tells seconds since 1970.
    """

    def __init__(self, folder: Path, settings: UploadSettings, clock: Clock = time.time) -> None:
        self._folder = folder
        self._settings = settings
        self._clock = clock
        self._swept = 0.0

    def keep(self, key: str, content: bytes) -> None:
        """Keep a file under `dashscope-instant/<owner>/<random>/<name>`.

        Raises:
            InvalidArgument: The key has another form, or the file is too large.
            AlreadyExists: There is one under that name.
            ResourceExhausted: The owner has as many bytes here as it may.
            Unavailable: The disk refuses.
        """
        if len(content) > self._settings.max_file_bytes:
            message = f"the file has {len(content)} bytes, the limit is {self._settings.max_file_bytes}"
            raise InvalidArgument(message, reason=Reason.CONTENT_TOO_LONG, field="file")
        file = self._file(key)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._sweep()
            self._check_room(file.parent, len(content))
            self._write(file, content)
        except FileExistsError:
            raise AlreadyExists("there is a file under that name; it is not overwritten", field="key") from None
        except OSError as error:
            raise Unavailable(f"the file cannot be kept: {error.strerror}", metadata={"backend": "uploads"}) from error

    def read(self, key: str) -> bytes:
        """Return a file. Raises NotFound: there is none, or its time is over."""
        try:
            file = self._file(key)
            if file.stat().st_mtime + self._settings.keep_seconds < self._clock():
                raise FileNotFoundError
            return file.read_bytes()
        except FileNotFoundError:
            raise NotFound("there is no such upload, or its time is over", field="key") from None

    def _write(self, file: Path, content: bytes) -> None:
        partial = file.with_name(secrets.token_hex(8) + _PARTIAL)
        try:
            partial.write_bytes(content)
            now = self._clock()
            os.utime(partial, (now, now))
            os.link(partial, file)
        finally:
            partial.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        parts = key.split("/")
        if len(parts) != 4 or parts[0] != ROOT or not _is_hex(parts[1]) or len(key.encode()) > _MAX_KEY_BYTES:
            raise InvalidArgument(f"key: must be {ROOT}/<owner>/<folder>/<name>", field="key")
        return self._folder / parts[1] / hashlib.sha256(key.encode()).hexdigest()

    def _check_room(self, folder: Path, size: int) -> None:
        used = sum(file.stat().st_size for file in folder.iterdir())
        if used + size > self._settings.max_key_bytes:
            message = f"the key has {used} bytes of uploads, and may have {self._settings.max_key_bytes}"
            raise ResourceExhausted(message, metadata={"limit": str(self._settings.max_key_bytes)})

    def _sweep(self) -> None:
        """Delete what is over, now and then."""
        now = self._clock()
        if now - self._swept < _SWEEP_SECONDS:
            return
        self._swept = now
        for file in self._files():
            if file.stat().st_mtime + self._settings.keep_seconds < now:
                file.unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        for owner in self._folder.iterdir():
            yield from owner.iterdir()


def _is_hex(text: str) -> bool:
    return bool(text) and all(character in "0123456789abcdef" for character in text)
