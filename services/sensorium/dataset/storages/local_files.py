"""Files in a folder of this machine, under roots that the settings allow."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from sensorium.dataset.storages.file_store import OF_ONE_FILE, ListedFile, away, unreadable
from sensorium.errors import InvalidArgument, NotFound, PermissionDenied, Reason, SensoriumError

T = TypeVar("T")
SCHEME = "file://"
# What this process lacks, not the file.
_SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR}


class LocalFiles:
    """Implements `FileStore` on a folder; symbolic links are not followed.

    Args:
        base: The folder, absolute and resolved.
    """

    def __init__(self, base: Path) -> None:
        self._base = base

    async def batches(self, prefix: str, size: int) -> AsyncIterator[Sequence[ListedFile]]:
        """Yield the files below the folder `prefix`; folders are read as they are walked."""
        start = self._inside(self._base / prefix) if prefix else self._base
        found = _walked(start, self._base)
        while batch := await asyncio.to_thread(_next, found, size):
            yield batch

    async def stat(self, uri: str) -> ListedFile:
        """Return one file as a listing would show it."""
        return await asyncio.to_thread(self._stat, uri)

    async def head(self, uri: str, most: int) -> bytes:
        """Return the first bytes of a file."""
        return await asyncio.to_thread(self._read, uri, most)

    async def heads(self, uris: Sequence[str], most: int) -> list[bytes | SensoriumError]:
        """Return the first bytes of several files or why there are none, read one after another in one thread."""
        return await asyncio.to_thread(self._heads, uris, most)

    async def read(self, uri: str, most: int) -> bytes:
        """Return a file."""
        content = await asyncio.to_thread(self._read, uri, most + 1)
        if len(content) > most:
            raise too_long(uri, most)
        return content

    async def chunks(self, uri: str, size: int) -> AsyncIterator[bytes]:
        """Yield a file."""
        descriptor = await asyncio.to_thread(self._open, uri)
        try:
            while chunk := await asyncio.to_thread(os.read, descriptor, size):
                yield chunk
        except OSError as error:
            raise self._fault(error, uri) from error
        finally:
            os.close(descriptor)

    def uri_of(self, path: str) -> str:
        """Return the URI of the file at `path` below the base."""
        return uri_of(self._base / path)

    async def probe(self) -> None:
        """Raise NotFound when there is no such folder, PermissionDenied when it cannot be listed."""
        if not await asyncio.to_thread(self._base.exists):
            raise NotFound(f"there is no {self._base}", metadata={"resource": os.fspath(self._base)})
        await asyncio.to_thread(lambda: _next(_walked(self._base, self._base), 1))

    def _read(self, uri: str, most: int, checked: dict[Path, Path] | None = None) -> bytes:
        with os.fdopen(self._open(uri, checked), "rb") as stream:
            try:
                return stream.read(most)
            except OSError as error:
                raise self._fault(error, uri) from error

    def _heads(self, uris: Sequence[str], most: int) -> list[bytes | SensoriumError]:
        checked: dict[Path, Path] = {}
        return [self._head(uri, most, checked) for uri in uris]

    def _head(self, uri: str, most: int, checked: dict[Path, Path]) -> bytes | SensoriumError:
        try:
            return self._read(uri, most, checked)
        except OF_ONE_FILE as error:
            return error

    def _stat(self, uri: str) -> ListedFile:
        descriptor = self._open(uri)
        try:
            path = path_of(uri)
            return _Folder(os.fspath(path.parent), self._base).shown(path.name, os.fstat(descriptor))
        except OSError as error:
            raise self._fault(error, uri) from error
        finally:
            os.close(descriptor)

    def _open(self, uri: str, checked: dict[Path, Path] | None = None) -> int:
        path = self._inside(path_of(uri), checked)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._fault(error, uri) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise refused(uri, "it is no regular file")
        return descriptor

    def _fault(self, error: OSError, uri: str) -> SensoriumError:
        """Return the error for one file, or for all of them when the base is gone."""
        return _fault_of_base(self._base) or fault_of_file(error, uri)

    def _inside(self, path: Path, checked: dict[Path, Path] | None = None) -> Path:
        """Return `path` with its folder resolved; raise InvalidArgument when that is outside the base.

        `checked` remembers folders that are inside for those who ask for many files at once: to resolve one costs more
        than to open a file.
        """
        named = path.name not in {"", "..", "."}
        if named and checked and path.parent in checked:
            return checked[path.parent] / path.name
        folder = Path(os.path.realpath(path.parent))
        resolved = folder / path.name if named else path
        if not resolved.is_relative_to(self._base) or ".." in resolved.parts:
            raise refused(str(path), "it is outside the folder of the dataset")
        if checked is not None and named and folder.is_relative_to(self._base):
            checked[path.parent] = folder
        return resolved


def uri_of(path: Path) -> str:
    """Return the `file:` URI of an absolute path; bytes that are not UTF-8 are percent-encoded as all others are."""
    return SCHEME + quote(os.fsencode(path))


def path_of(uri: str) -> Path:
    """Return the path of a `file:` URI. Raises InvalidArgument (URI_REFUSED)."""
    if not uri.startswith(f"{SCHEME}/"):
        raise refused(uri, "it is no file:///… URI")
    path = unquote(uri.removeprefix(SCHEME), errors="surrogateescape")
    if "\0" in path:
        raise refused(uri, "it holds a NUL character")
    return Path(path)


def fault(error: OSError, what: str) -> SensoriumError:
    """Return the error for one of the operating system's."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return NotFound(f"there is no {what}", metadata={"resource": what})
        case PermissionError():
            return PermissionDenied(f"{what} may not be read", metadata={"required": "read"})
        case _:
            return away(what, error.strerror or type(error).__name__)


def fault_of_file(error: OSError, what: str) -> SensoriumError:
    """Return the error for a file in a folder that can be read."""
    match error:
        case FileNotFoundError() | NotADirectoryError() | PermissionError():
            return fault(error, what)
        case OSError(errno=errno.ELOOP):
            return refused(what, "it is a symbolic link")
        case OSError(errno=number) if number in _SHORT:
            return fault(error, what)
        case _:
            return unreadable(what, error.strerror or type(error).__name__)


def _fault_of_base(base: Path) -> SensoriumError | None:
    """Return why no file below a folder can be read; None when it can be looked into, or may not be listed."""
    try:
        with os.scandir(base) as entries:
            next(entries, None)
    except PermissionError:
        return None
    except OSError as error:
        return away(os.fspath(base), f"the folder is gone or does not answer: {error.strerror}")
    return None


def refused(what: str, why: str) -> InvalidArgument:
    """Return the error for a URI that may not be used."""
    return InvalidArgument(f"{what} is refused: {why}", reason=Reason.URI_REFUSED, field="uri")


def too_long(uri: str, most: int) -> InvalidArgument:
    """Return the error for a file with more than `most` bytes."""
    return InvalidArgument(
        f"{uri} has more than {most} bytes",
        reason=Reason.CONTENT_TOO_LONG,
        field="uri",
        metadata={"limit": str(most), "unit": "bytes"},
    )


def _next(found: Iterator[ListedFile], size: int) -> list[ListedFile]:
    return list(islice(found, size))


def _walked(start: Path, base: Path) -> Iterator[ListedFile]:
    """Yield the regular files below `start`, one folder after another, without reading a folder whole."""
    waiting = [os.fspath(start)]
    while waiting:
        folder = waiting.pop()
        shown = _Folder(folder, base)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False) and (listed := shown.listed(entry)):
                        yield listed
        except FileNotFoundError as error:
            if folder == os.fspath(start) or not base.exists():
                raise _fault_of_base(base) or fault(error, folder) from error
        except OSError as error:
            raise fault(error, folder) from error


class _Folder:
    """Shows the files of one folder as a listing does; what they have in common is worked out once."""

    def __init__(self, folder: str, base: Path) -> None:
        self._uri = f"{uri_of(Path(folder)).rstrip('/')}/"
        below = _readable(folder[len(os.fspath(base).rstrip("/")) + 1 :])
        self._path = f"{below}/" if below else ""

    def listed(self, entry: "os.DirEntry[str]") -> ListedFile | None:
        """Return an entry; None when it vanished meanwhile."""
        try:
            return self.shown(entry.name, entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            return None
        except OSError as error:
            uri, path = self._named(entry.name)
            return ListedFile(uri, path, 0, "", 0, fault_of_file(error, uri))

    def shown(self, name: str, found: os.stat_result) -> ListedFile:
        """Return the file of a name."""
        size, changed = found.st_size, found.st_mtime_ns
        uri, path = self._named(name)
        return ListedFile(uri, path, size, f"stat:{size}-{changed}", changed // 1000)

    def _named(self, name: str) -> tuple[str, str]:
        return self._uri + quote(os.fsencode(name)), self._path + _readable(name)


def _readable(path: str) -> str:
    """Return a path as text: bytes that are not UTF-8 become replacement characters."""
    return path if path.isascii() else path.encode(errors="surrogateescape").decode(errors="replace")
