"""Reads the images and sounds of a query that lie in the bucket of a version, through the connection of the version."""

from collections.abc import Sequence
from dataclasses import replace

from sensorium.dataset.storages.file_store import FileStore
from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Media, Part
from sensorium.model.search import QueryPart

MOST_BYTES = 32 << 20
_BUCKETS = ("s3://", "oss://")


def names_objects(query: Sequence[QueryPart]) -> bool:
    """Return whether a part of a query is an object of a bucket."""
    return any(_uri(part) for each in query for part in _parts(each))


async def with_objects(storage: FileStore, query: Sequence[QueryPart]) -> tuple[QueryPart, ...]:
    """Return a query with the bytes of the objects that it names.

    Objects outside of the storage stay as they are: the embed service may have buckets of its own.

    Raises:
        NotFound: The storage has no such object.
        InvalidArgument: CONTENT_TOO_LONG.
        PermissionDenied, Unavailable: It does not give it.
    """
    return tuple([await _brought(storage, each) for each in query])


async def _brought(storage: FileStore, each: QueryPart) -> QueryPart:
    match each.target:
        case Content(parts):
            return replace(each, target=Content(tuple([await _read(storage, part) for part in parts])))
        case _:
            return each


async def _read(storage: FileStore, part: Part) -> Part:
    uri = _uri(part)
    if not uri:
        return part
    try:
        return replace(part, body=Media(await storage.read(uri, MOST_BYTES)))
    except InvalidArgument as error:
        if error.reason is Reason.URI_REFUSED:
            return part
        raise


def _parts(each: QueryPart) -> tuple[Part, ...]:
    match each.target:
        case Content(parts):
            return parts
        case _:
            return ()


def _uri(part: Part) -> str:
    match part.body:
        case Media(uri=str(uri)) if uri.startswith(_BUCKETS):
            return uri
        case _:
            return ""
