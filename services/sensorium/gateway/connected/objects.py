"""Brings the objects that the parts of a content name, through the connections of its workspace."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

from sensorium.dataset_ports import Objects
from sensorium.errors import SensoriumError, located
from sensorium.media.faults import away, too_long
from sensorium.model.content import Content, Media, Part


class ConnectedObjects:
    """Puts bytes in the place of objects.

    Args:
        objects: Reads them.
        seconds: For one object.
        most_bytes: Of all media of one content, which travel to the model in one message.
    """

    def __init__(self, objects: Objects, *, seconds: float, most_bytes: int) -> None:
        self._objects = objects
        self._seconds = seconds
        self._most_bytes = most_bytes

    async def brought(self, content: Content, bucket: str, workspace: str) -> Content:
        """Return a content with the bytes of its objects in `bucket` (`s3://photos`); the same one if it has none.

        Raises:
            InvalidArgument: URI_REFUSED, or CONTENT_TOO_LONG.
            SensoriumError: An object cannot be read now. All name the part of `contents[0]`.
        """
        parts = list(content.parts)
        named = {place: uri for place, part in enumerate(parts) if (uri := _object(part, bucket))}
        for place, uri in named.items():
            part, room = parts[place], self._most_bytes - sum(map(_byte_count, parts))
            try:
                parts[place] = replace(part, body=Media(await self._read(workspace, uri, room)))
            except SensoriumError as error:
                raise located(error, f"contents[0].parts[{place}].{part.modality}") from error
        return Content(tuple(parts)) if named else content

    async def _read(self, workspace: str, uri: str, room: int) -> bytes:
        if room < 1:
            raise too_long(self._most_bytes + 1, self._most_bytes, "bytes")
        content = bytearray()
        try:
            async with (
                asyncio.timeout(self._seconds),
                aclosing(self._objects.read_object(workspace, uri, room)) as chunks,
            ):
                async for chunk in chunks:
                    content += chunk
        except TimeoutError:
            raise away(f"the object store took longer than {self._seconds:g} s") from None
        return bytes(content)


def _object(part: Part, bucket: str) -> str:
    """Return the URI of a part that is an object of a bucket; empty for others."""
    match part.body:
        case Media(uri=str(uri)):
            scheme, colon, rest = uri.partition(":")
            named = f"{scheme.lower()}{colon}{rest}"
            return named if named.startswith(f"{bucket}/") else ""
        case _:
            return ""


def _byte_count(part: Part) -> int:
    match part.body:
        case Media(data=bytes(data)):
            return len(data)
        case _:
            return 0
