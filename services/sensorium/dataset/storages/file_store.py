"""What the dataset service needs of a storage."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sensorium.errors import DataLoss, InvalidArgument, NotFound, PermissionDenied, Reason, SensoriumError, Unavailable

# What may be wrong with one file and says nothing of the others.
OF_ONE_FILE = (InvalidArgument, NotFound, PermissionDenied, DataLoss)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file as a listing shows it.

    Attributes:
        uri: Its full URI.
        path: Its path below the base, with `/` between folders.
        size_bytes: Its size.
        fingerprint: Changes when its content does: `etag:…`, or size and time where there is no ETag.
        update_time: When it last changed, in microseconds since 1970.
        error: Why nothing but its name is known.
    """

    uri: str
    path: str
    size_bytes: int
    fingerprint: str
    update_time: int
    error: SensoriumError | None = None


class FileStore(Protocol):
    """Lists and reads the files below one base folder or prefix.

    Methods raise NotFound for a file that is not there, PermissionDenied for one that may not be read, InvalidArgument
    (URI_REFUSED) for one outside the base, DataLoss (FILE_UNREADABLE) for one that the storage does not give though it
    answers, and Unavailable when it does not answer, or the base is gone: so the fault of one file is never taken for
    the fault of all, nor the other way round.
    """

    def batches(self, prefix: str, size: int) -> AsyncIterator[Sequence[ListedFile]]:
        """Yield the files whose path starts with the folder `prefix` (all for an empty one), `size` at a time."""
        ...

    async def stat(self, uri: str) -> ListedFile:
        """Return one file as a listing would show it."""
        ...

    async def head(self, uri: str, most: int) -> bytes:
        """Return the first bytes of a file, `most` at most."""
        ...

    async def heads(self, uris: Sequence[str], most: int) -> list[bytes | SensoriumError]:
        """Return the first bytes of several files in order, and for a file that has none why (`OF_ONE_FILE`)."""
        ...

    async def read(self, uri: str, most: int) -> bytes:
        """Return a file. Raises InvalidArgument (CONTENT_TOO_LONG) when it has more than `most` bytes."""
        ...

    def chunks(self, uri: str, size: int) -> AsyncIterator[bytes]:
        """Yield a file, about `size` bytes at a time."""
        ...

    def uri_of(self, path: str) -> str:
        """Return the URI of the file at `path` below the base."""
        ...

    async def probe(self) -> None:
        """Raise what is wrong with the storage; return when it can be listed."""
        ...


def unreadable(what: str, why: str) -> DataLoss:
    """Return the error for a file that the storage does not give."""
    return DataLoss(f"{what} cannot be read: {why}", reason=Reason.FILE_UNREADABLE, metadata={"resource": what})


def away(what: str, why: str) -> Unavailable:
    """Return the error for a storage that does not answer."""
    return Unavailable(f"{what}: {why}", metadata={"backend": "storage"})
