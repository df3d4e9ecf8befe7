"""Reads the files of a version for an export: their bytes into a part, or copies of them beside it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import PurePosixPath

from sensorium.dataset.exports.part_format import Sample
from sensorium.dataset.exports.record import exported
from sensorium.dataset.storages.file_sink import FileSink
from sensorium.dataset.storages.file_store import OF_ONE_FILE, FileStore
from sensorium.errors import SensoriumError
from sensorium.model.dataset_export import TagGroup
from sensorium.model.dataset_file import FileRecord

CHUNK_BYTES = 1 << 20
MOST_EMBEDDED_BYTES = 32 << 20
READERS = 8


class RecordsAlone:
    """Makes samples of records, and reads no file.

    Args:
        groups: The tags that go along; none mean all.
    """

    batch = 1000

    def __init__(self, groups: Sequence[TagGroup]) -> None:
        self._groups = groups

    async def samples(self, records: Sequence[FileRecord]) -> list[Sample | SensoriumError]:
        """Return a sample for each record."""
        return [Sample(exported(each, self._groups)) for each in records]


class FilesInside:
    """Makes samples that hold the bytes of their files, a few at a time, for they lie in memory.

    Args:
        groups: The tags that go along; none mean all.
        storage: Where the files are.
    """

    batch = READERS

    def __init__(self, groups: Sequence[TagGroup], storage: FileStore) -> None:
        self._groups = groups
        self._storage = storage

    async def samples(self, records: Sequence[FileRecord]) -> list[Sample | SensoriumError]:
        """Return a sample for each record, or why its file cannot be read."""
        return list(await asyncio.gather(*map(self._sample, records)))

    async def _sample(self, record: FileRecord) -> Sample | SensoriumError:
        try:
            content = await self._storage.read(record.uri, MOST_EMBEDDED_BYTES)
        except OF_ONE_FILE as error:
            return error
        return Sample(exported(record, self._groups), content)


class FilesBeside:
    """Copies files to `files/` of the export, and makes samples that name the copies.

    Args:
        groups: The tags that go along; none mean all.
        storage: Where the files are.
        sink: Where the export goes.
    """

    batch = 256

    def __init__(self, groups: Sequence[TagGroup], storage: FileStore, sink: FileSink) -> None:
        self._groups = groups
        self._storage = storage
        self._sink = sink
        self._gate = asyncio.Semaphore(READERS)

    async def samples(self, records: Sequence[FileRecord]) -> list[Sample | SensoriumError]:
        """Return a sample for each record, or why its file cannot be copied."""
        return list(await asyncio.gather(*map(self._sample, records)))

    async def _sample(self, record: FileRecord) -> Sample | SensoriumError:
        path, faults = copy_of(record), list[SensoriumError]()
        async with self._gate:
            try:
                await self._storage.stat(record.uri)  # Of what is not there nothing is begun.
            except OF_ONE_FILE as error:
                return error
            try:
                written = await self._sink.put(path, self._chunks(record.uri, faults))
            except OF_ONE_FILE as error:
                if error in faults:
                    return error
                raise  # Of the sink, and so of all files.
        return Sample(exported(record, self._groups, path, written.sha256))

    async def _chunks(self, uri: str, faults: list[SensoriumError]) -> AsyncIterator[bytes]:
        """Yield a file; what is wrong with it is noted in `faults`."""
        try:
            async for chunk in self._storage.chunks(uri, CHUNK_BYTES):
                yield chunk
        except OF_ONE_FILE as error:
            faults.append(error)
            raise


def copy_of(record: FileRecord) -> str:
    """Return where the copy of a file lies: under its id, in one of 256 folders."""
    suffix = PurePosixPath(record.file_name).suffix.lower()
    plain = suffix if suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= 16 else ""
    return f"files/{record.name.id[1:3]}/{record.name.id}{plain}"
