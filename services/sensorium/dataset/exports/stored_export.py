"""An export that lies in a storage: its manifest, and the records of its parts."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.exports import manifest
from sensorium.dataset.exports.bringing import Brought
from sensorium.dataset.exports.brought_record import brought_of
from sensorium.dataset.exports.formats import FORMATS
from sensorium.dataset.exports.manifest import Manifest, Part
from sensorium.dataset.exports.record import ExportedFile
from sensorium.dataset.storages.file_store import FileStore
from sensorium.errors import DataLoss, InvalidArgument, SensoriumError
from sensorium.model.dataset_export import StorageTarget
from sensorium.settings import DatasetSettings

BATCH = 1000
MOST_PART_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Records:
    """Some records of a part: those that can be taken, and why others cannot, by their places in the part."""

    good: Sequence[Brought]
    failures: Mapping[str, SensoriumError]


class StoredExport:
    """Reads an export; what is read may come from anybody.

    Args:
        storage: Where it lies.
        found: Its manifest.
        limits: What records may hold.
    """

    def __init__(self, storage: FileStore, found: Manifest, limits: DatasetSettings) -> None:
        self._storage = storage
        self._found = found
        self._limits = limits

    @classmethod
    async def opened(
        cls, connections: ConnectionService, source: StorageTarget, limits: DatasetSettings
    ) -> "StoredExport":
        """Return the export that lies at `source`.

        Raises:
            NotFound: There is no manifest: nothing was exported there, or not to its end.
            DataLoss: The manifest is damaged.
            InvalidArgument: The export has another format.
        """
        storage = await connections.open_files(source.connection, source.uri)
        await storage.probe()  # A folder that never was is not found; one that goes meanwhile lets the job rest.
        found = manifest.decoded(await storage.read(storage.uri_of(manifest.PATH), manifest.MOST_BYTES))
        if found.format is not source.format:
            raise InvalidArgument(f"job.import_export.source.format: the export there is {found.format}")
        return cls(storage, found, limits)

    @property
    def record_count(self) -> int:
        """How many records its manifest promises."""
        return self._found.record_count

    @property
    def parts(self) -> Sequence[Part]:
        """Its parts, in order."""
        return self._found.parts

    async def records(self, part: Part) -> AsyncIterator[Records]:
        """Yield the records of a part, some at a time. Raises DataLoss when it is not what was written."""
        content = await self._content(part)
        records, count = FORMATS[self._found.format].decode(content), 0
        while batch := await asyncio.to_thread(lambda: list(islice(records, BATCH))):
            yield self._checked({f"{part.path}#{count + place}": each for place, each in enumerate(batch, 1)})
            count += len(batch)

    async def _content(self, part: Part) -> bytes:
        content = await self._storage.read(self._storage.uri_of(part.path), MOST_PART_BYTES)
        digest = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
        if digest != part.sha256:
            message = f"{part.path} is not what was exported: its SHA-256 is {digest}"
            raise DataLoss(message, metadata={"file": part.path})
        return content

    def _checked(self, batch: Mapping[str, ExportedFile | InvalidArgument]) -> Records:
        good: list[Brought] = []
        failures: dict[str, SensoriumError] = {}
        for place, record in batch.items():
            match record:
                case ExportedFile():
                    try:
                        good.append(brought_of(record, self._found, self._limits))
                    except InvalidArgument as refused:
                        failures[place] = refused
                case error:
                    failures[place] = error
        return Records(good, failures)
