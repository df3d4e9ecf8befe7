"""Reads `s3:` and `oss:` URIs from the object stores that the settings name."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import S3Store

from sensorium.media.faults import away, refused, too_long, unknown_bucket
from sensorium.settings import InputSettings, ObjectStoreSettings


class ObjectReader:
    """Reads objects of configured buckets; a bucket that the settings do not name is refused."""

    def __init__(self, settings: InputSettings) -> None:
        self._seconds = settings.fetch_seconds
        self._stores: Mapping[str, S3Store] = {
            name: _store(name, store, settings.fetch_seconds) for name, store in settings.stores.items()
        }

    async def read(self, uri: str, max_bytes: int) -> bytes:
        """Return what the object holds.

        Raises:
            InvalidArgument: URI_REFUSED, or CONTENT_TOO_LONG.
            Unavailable: The store does not answer.
        """
        store, key = self._found(uri)
        try:
            async with asyncio.timeout(self._seconds):
                return await _read(store, key, max_bytes)
        except TimeoutError:
            raise away(f"the object store took longer than {self._seconds:g} s") from None
        except (FileNotFoundError, PermissionError):
            raise refused("names no object that may be read") from None
        except (BaseError, OSError) as error:
            raise away(f"the object store cannot be read: {type(error).__name__}") from None

    def _found(self, uri: str) -> tuple[S3Store, str]:
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise refused("is no URI of an object") from None
        name, key = f"{parts.scheme}://{parts.netloc}", unquote(uri.partition(parts.netloc)[2].lstrip("/"))
        if name not in self._stores:
            raise unknown_bucket(name)
        if not key:
            raise refused("names a bucket and no object")
        return self._stores[name], key


async def _read(store: S3Store, key: str, max_bytes: int) -> bytes:
    found = await store.get_async(key)
    if found.meta["size"] > max_bytes:
        raise too_long(found.meta["size"], max_bytes, "bytes")
    content = bytearray()
    async for chunk in found.stream():
        content += chunk
        if len(content) > max_bytes:
            raise too_long(len(content), max_bytes, "bytes")
    return bytes(content)


def _store(name: str, settings: ObjectStoreSettings, seconds: float) -> S3Store:
    return S3Store(
        name.partition("://")[2],
        endpoint=settings.endpoint or None,
        region=settings.region,
        access_key_id=settings.access_key_id,
        secret_access_key=settings.secret_access_key.get_secret_value(),
        virtual_hosted_style_request=settings.virtual_hosted_style,
        client_options={"allow_http": settings.endpoint.startswith("http:"), "timeout": timedelta(seconds=seconds)},
        retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=seconds)},
    )
