"""Reads `file:` URIs under the configured roots, and nothing else."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sensorium.media.faults import refused, too_long

_NOWHERE = "names no file under the roots that SENSORIUM_INPUTS__FILE_ROOTS allows"


class FileReader:
    """Reads files whose real path, links followed, lies under one of `roots`."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [root.resolve() for root in roots]

    def read(self, uri: str, max_bytes: int) -> bytes:
        """Return what the file holds; one outside the roots and one that is not there give the same error.

        Raises:
            InvalidArgument: URI_REFUSED, or CONTENT_TOO_LONG.
        """
        path = self._allowed(_path(uri))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            raise refused(_NOWHERE) from None
        try:
            # Again, of what was opened: a link may have been changed in between.
            self._allowed(Path(f"/proc/self/fd/{descriptor}"))
            return _content(descriptor, max_bytes)
        finally:
            os.close(descriptor)

    def _allowed(self, path: Path) -> Path:
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            raise refused(_NOWHERE) from None
        if not any(real.is_relative_to(root) for root in self._roots):
            raise refused(_NOWHERE)
        return real


def _content(descriptor: int, max_bytes: int) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise refused(_NOWHERE)
    with os.fdopen(descriptor, "rb", closefd=False) as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise too_long(max(found.st_size, len(content)), max_bytes, "bytes")
    return content


def _path(uri: str) -> Path:
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise refused(_NOWHERE) from None
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise refused("is a file: URI of another host, or without an absolute path")
    return Path(unquote(parts.path))
