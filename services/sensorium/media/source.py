"""Brings the bytes of an image or a sound, wherever they are, and never more of them than allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from sensorium.media.data_uri import read_data_uri
from sensorium.media.faults import empty, refused, too_long
from sensorium.media.files import FileReader
from sensorium.media.objects import ObjectReader
from sensorium.media.web import WebReader
from sensorium.model.content import Media
from sensorium.settings import InputSettings

_SCHEMES = "data:, http:, https:, file:, s3: and oss:"


class MediaSource:
    """Reads media inline and by URI; at most `fetches` URIs at once. Leaving its block closes connections."""

    def __init__(self, settings: InputSettings) -> None:
        self._web = WebReader(settings)
        self._files = FileReader(settings.file_roots)
        self._objects = ObjectReader(settings)
        self._fetches = asyncio.Semaphore(settings.fetches)
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._exits.enter_async_context(self._web)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def opened(self, media: Media, max_bytes: int) -> AsyncIterator[bytes]:
        """Hold the encoded file during the body; what was fetched is held by `fetches` bodies at once at most.

        Raises:
            InvalidArgument: CONTENT_EMPTY, CONTENT_TOO_LONG (bytes) or URI_REFUSED.
            Unavailable: What the URI names does not answer now.
        """
        if media.uri is None:
            yield _checked(media.data or b"", max_bytes)
        elif media.uri[:5].lower() == "data:":
            yield _checked(read_data_uri(media.uri, max_bytes), max_bytes)
        else:
            async with self._fetches:
                yield _checked(await self._fetched(media.uri, max_bytes), max_bytes)

    async def _fetched(self, uri: str, max_bytes: int) -> bytes:
        match uri.partition(":")[0].lower():
            case "http" | "https":
                return await self._web.read(uri, max_bytes)
            case "file":
                return await asyncio.to_thread(self._files.read, uri, max_bytes)
            case "s3" | "oss":
                return await self._objects.read(uri, max_bytes)
            case _:
                raise refused(f"is none of {_SCHEMES}")


def _checked(content: bytes, max_bytes: int) -> bytes:
    if not content:
        raise empty("is empty")
    if len(content) > max_bytes:
        raise too_long(len(content), max_bytes, "bytes")
    return content
