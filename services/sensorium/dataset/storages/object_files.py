"""Files in a bucket that speaks the S3 protocol: S3 itself, MinIO and its like, and OSS in its S3-compatible mode."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from sensorium.dataset.storages.each_head import each_head
from sensorium.dataset.storages.file_store import ListedFile, away, unreadable
from sensorium.dataset.storages.local_files import refused, too_long
from sensorium.dataset.storages.witnesses import Witnesses
from sensorium.errors import NotFound, PermissionDenied, SensoriumError, Unavailable
from sensorium.storage.moments import to_micros

if TYPE_CHECKING:
    from obstore import ObjectMeta

PAGE = 1000


class ObjectFiles:
    """Implements `FileStore` on a bucket.

    Args:
        store: The bucket.
        origin: What its URIs start with: `s3://bucket/`.
        base: The prefix of keys, without slashes at its ends; empty for the whole bucket.
    """

    def __init__(self, store: S3Store, origin: str, base: str) -> None:
        self._store = store
        self._origin = origin
        self._base = f"{base}/" if base else ""
        self._witnesses = Witnesses(store, self._base)

    async def batches(self, prefix: str, size: int) -> AsyncIterator[Sequence[ListedFile]]:
        """Yield the objects below the folder `prefix`, in the order of the store."""
        start = (self._base + prefix.strip("/")).rstrip("/")
        batch: list[ListedFile] = []
        with explained(f"{self._origin}{start}"), _bucket_needed(self._origin):
            async for page in self._store.list(f"{start}/" if start else None, chunk_size=PAGE):
                for each in page:
                    batch.append(self._shown(each))
                    if len(batch) == size:
                        yield batch
                        batch = []
        if batch:
            yield batch

    async def stat(self, uri: str) -> ListedFile:
        """Return one object as a listing would show it."""
        async with self._one(uri):
            return self._shown(await self._store.head_async(self._key(uri)))

    async def head(self, uri: str, most: int) -> bytes:
        """Return the first bytes of an object."""
        async with self._one(uri):
            answer = await self._store.get_async(self._key(uri), options={"range": (0, most)})
            return self._given(uri, bytes(await answer.bytes_async()))

    async def heads(self, uris: Sequence[str], most: int) -> list[bytes | SensoriumError]:
        """Return the first bytes of several objects, or why there are none."""
        return await each_head(self, uris, most)

    async def read(self, uri: str, most: int) -> bytes:
        """Return an object."""
        async with self._one(uri):
            answer = await self._store.get_async(self._key(uri))
            if answer.meta["size"] > most:
                raise too_long(uri, most)
            return self._given(uri, bytes(await answer.bytes_async()))

    async def chunks(self, uri: str, size: int) -> AsyncIterator[bytes]:
        """Yield an object."""
        async with self._one(uri):
            answer = await self._store.get_async(self._key(uri))
            async for chunk in answer.stream(min_chunk_size=size):
                yield bytes(chunk)

    def uri_of(self, path: str) -> str:
        """Return the URI of the object at `path` below the prefix."""
        return f"{self._origin}{self._base}{path}"

    async def probe(self) -> None:
        """Raise what is wrong; a prefix without objects is fine."""
        with explained(self._origin + self._base):
            async for _ in self._store.list(self._base.rstrip("/") or None, chunk_size=1):
                return

    @asynccontextmanager
    async def _one(self, uri: str) -> AsyncIterator[None]:
        """Raise what is wrong with one object, or with all when the bucket is gone or does not answer."""
        try:
            with explained(uri):
                yield
        except ValueError as error:
            raise refused(uri, "its key is none that can be asked for") from error
        except NotFound:
            await self._check_there()
            raise
        except Unavailable as error:
            await self._check_there()
            if await self._witnesses.refuse(self._key(uri)):
                raise away(self._origin, "the store answers, but gives none of its objects") from error
            raise unreadable(uri, "the store answers, but does not give it") from error

    def _given(self, uri: str, content: bytes) -> bytes:
        """Return what was read, once it is noted that it could be."""
        if content:
            self._witnesses.note(self._key(uri))
        return content

    async def _check_there(self) -> None:
        try:
            await self.probe()
        except NotFound as error:
            raise away(self._origin, "the bucket is gone") from error
        except PermissionDenied:  # It answers; not everybody may list.
            pass

    def _shown(self, each: "ObjectMeta") -> ListedFile:
        tag, changed = each["e_tag"], to_micros(each["last_modified"])
        return ListedFile(
            self._origin + each["path"],
            each["path"].removeprefix(self._base),
            each["size"],
            "etag:" + tag.strip('"') if tag else f"stat:{each['size']}-{changed * 1000}",
            changed,
        )

    def _key(self, uri: str) -> str:
        key = uri.removeprefix(self._origin)
        if key == uri or not key.startswith(self._base):
            raise refused(uri, f"it is outside {self._origin}{self._base}")
        return key


@contextmanager
def _bucket_needed(origin: str) -> Iterator[None]:
    """Raise Unavailable for a bucket that is gone, as for a store that does not answer."""
    try:
        yield
    except BaseError as error:
        if "NoSuchBucket" in str(error):
            raise away(origin, "the bucket is gone") from error
        raise


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Raise the errors of a store as ours; texts of theirs may hold what was signed, so none goes on."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise NotFound(f"there is no {what}", metadata={"resource": what}) from error
    except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
        raise PermissionDenied(f"{what} may not be read", metadata={"required": "read"}) from error
    except BaseError as error:
        if "NoSuchBucket" in str(error):
            raise NotFound(f"there is no bucket of {what}", metadata={"resource": what}) from error
        raise away(what, "the store does not answer") from error
