"""Reads what new and changed files say of themselves, as rows for the catalog.

Of most files the head is enough. Some files at a time are read and understood in one thread, for a small file costs
less than waking a thread for it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from sensorium.dataset.file_fields import tokens_of
from sensorium.dataset.media_info import HEAD_BYTES, NOTHING, MediaInfo, audio_info, content_type_of, image_info
from sensorium.dataset.storages.file_store import OF_ONE_FILE, FileStore, ListedFile
from sensorium.errors import InvalidArgument, Reason, SensoriumError
from sensorium.in_order import in_order
from sensorium.model.dataset_file import FileStatus
from sensorium.model.dataset_names import file_id_of
from sensorium.storage import moments

# This many heads are in memory at a time: so many files in each of so many threads.
TOGETHER = 64
AT_ONCE = 4
MOST_MEDIA_BYTES = 64 << 20
DEFAULT_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Described:
    """Files that are new or changed: rows for the catalog, and errors by URI."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, SensoriumError] = field(default_factory=dict)

    def parts(self, size: int) -> Iterator["Described"]:
        """Yield parts of up to `size` rows, the first with all failures; at least one."""
        yield Described(self.rows[:size], self.failures)
        for start in range(size, len(self.rows), size):
            yield Described(self.rows[start : start + size])


@dataclass(frozen=True, slots=True)
class Describing:
    """Describes files for a job.

    Attributes:
        storage: Where they are.
        job: The id of the job.
        media: Whether images and sounds are opened.
    """

    storage: FileStore
    job: str
    media: bool

    async def described(self, files: Sequence[ListedFile]) -> Described:
        """Return what files say of themselves. Raises Unavailable when the storage does not answer."""
        described = Described()
        async with aclosing(in_order(_together(files), self._rows, depth=AT_ONCE)) as found:
            async for rows in found:
                for uri, row in rows.items():
                    if isinstance(row, SensoriumError):
                        described.failures[uri] = row
                    else:
                        described.rows.append(row)
        return described

    async def _rows(self, files: Sequence[ListedFile]) -> Mapping[str, dict[str, Any] | SensoriumError]:
        opened = [each.uri for each in files if self._is_opened(each)]
        heads = dict(zip(opened, await self.storage.heads(opened, HEAD_BYTES), strict=True)) if opened else {}
        found = await asyncio.to_thread(lambda: [(each, self._row(each, heads.get(each.uri))) for each in files])
        return {each.uri: await self._row_of_whole(each) if row is None else row for each, row in found}

    def _is_opened(self, file: ListedFile) -> bool:
        return self.media and file.size_bytes > 0 and _kind(file) in {"image", "audio"}

    def _row(self, file: ListedFile, head: bytes | SensoriumError | None) -> dict[str, Any] | SensoriumError | None:
        """Return the row of a file by its head, if it was read; None when the head is not enough."""
        if fault := fault_of(file):
            return fault
        if head is None:
            return _row_of(file, NOTHING, self.job)
        if isinstance(head, SensoriumError):
            return head
        cut = len(head) >= HEAD_BYTES
        if cut and _kind(file) == "audio":  # Its length may be that of what is there.
            return None
        try:
            return _row_of(file, _info(file, head), self.job)
        except InvalidArgument as error:
            return None if cut else error

    async def _row_of_whole(self, file: ListedFile) -> dict[str, Any] | SensoriumError:
        try:
            content = await self.storage.read(file.uri, MOST_MEDIA_BYTES)
            return _row_of(file, await asyncio.to_thread(_info, file, content), self.job)
        except OF_ONE_FILE as error:
            return error


async def _together(files: Sequence[ListedFile]) -> AsyncIterator[Sequence[ListedFile]]:
    for start in range(0, len(files), TOGETHER):
        yield files[start : start + TOGETHER]


def fault_of(file: ListedFile) -> SensoriumError | None:
    """Return why a file cannot be registered, as far as its listing says."""
    if file.error or file.size_bytes:
        return file.error
    return InvalidArgument("the file is empty", reason=Reason.CONTENT_EMPTY)


def _kind(file: ListedFile) -> str:
    return content_type_of(file.path).partition("/")[0]


def _info(file: ListedFile, content: bytes) -> MediaInfo:
    return audio_info(content) if _kind(file) == "audio" else image_info(content)


def _row_of(each: ListedFile, info: MediaInfo, job: str) -> dict[str, Any]:
    folder, _, name = each.path.rpartition("/")
    content_type = content_type_of(each.path) or DEFAULT_TYPE
    now = moments.now()
    return {
        "id": file_id_of(each.uri),
        "uri": each.uri,
        "file_name": name,
        "file_dir": folder,
        "file_type": content_type.partition("/")[0],
        "content_type": content_type,
        "size_bytes": each.size_bytes,
        "fingerprint": each.fingerprint,
        "file_update_time": each.update_time,
        "width": info.width,
        "height": info.height,
        "duration_ms": info.duration_ms,
        "attributes": dict(info.attributes),
        "tokens": tokens_of(name, folder, [], info.attributes),
        "status": FileStatus.ACTIVE.value,
        "import_job": job,
        "create_time": now,
        "update_time": now,
    }
