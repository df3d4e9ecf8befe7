"""Tells whether a bucket still gives other objects when it does not give one: a store may list what it cannot read."""

from collections.abc import AsyncIterator, Sequence

from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError
from obstore.store import S3Store

# How many objects of a page are tried, and how large it is.
MOST = 5
LISTED = 1000


class Witnesses:
    """Objects of a bucket that should be there to be read.

    Args:
        store: The bucket.
        prefix: What the keys of its objects start with.
    """

    def __init__(self, store: S3Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._given = ""

    def note(self, key: str) -> None:
        """Remember an object that was given, and has at least a byte."""
        self._given = key

    async def refuse(self, key: str) -> bool:
        """Return whether other objects than `key` are not given either; False where there is no other."""
        asked = False
        async for other in self._others(key):
            if await self._is_given(other):
                return False
            asked = True
        return asked

    async def _others(self, key: str) -> AsyncIterator[str]:
        """Yield the object that was given last, then some of a listing, if that is allowed."""
        if self._given and self._given != key:
            yield self._given
        try:
            async for page in self._store.list(self._prefix.rstrip("/") or None, chunk_size=LISTED):
                others = [each["path"] for each in page if each["size"] and each["path"] not in {key, self._given}]
                for other in _spread(others):
                    yield other
                return
        except PermissionDeniedError:
            return

    async def _is_given(self, key: str) -> bool:
        """Return whether an object is given, or said to be gone or not to be read, which is an answer too."""
        try:
            answer = await self._store.get_async(key, options={"range": (0, 1)})
            await answer.bytes_async()
        except (NotFoundError, FileNotFoundError, PermissionDeniedError, PermissionError):
            return True
        except BaseError:
            return False
        return True


def _spread(keys: Sequence[str]) -> list[str]:
    """Return some keys from all over a listing: what is broken may lie side by side."""
    if len(keys) <= MOST:
        return list(keys)
    return [keys[place * (len(keys) - 1) // (MOST - 1)] for place in range(MOST)]
