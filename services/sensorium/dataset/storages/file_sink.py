"""What exports need of a storage."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the SHA-256 of its bytes in hexadecimal, and how many there are."""

    sha256: str
    size_bytes: int


class FileSink(Protocol):
    """Writes files below one folder or prefix.

    Methods raise PermissionDenied for what may not be written, ResourceExhausted (STORAGE_FULL) for a full disk, and
    Unavailable when the storage does not answer.
    """

    async def exists(self, path: str) -> bool:
        """Return whether there is a file at `path`."""
        ...

    async def put(self, path: str, chunks: AsyncIterable[bytes]) -> Written:
        """Write a file, which is seen when it is whole; one that is there is replaced."""
        ...


async def once(content: bytes) -> AsyncIterator[bytes]:
    """Yield `content` as one chunk."""
    yield content
