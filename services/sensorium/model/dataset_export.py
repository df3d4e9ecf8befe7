"""Exports: where file records go, in which format, and with which tags."""

from dataclasses import dataclass
from enum import StrEnum

from sensorium.model.dataset_file import EVERY_FILE, FileSelection
from sensorium.model.dataset_names import ConnectionName, DatasetName


class ExportFormat(StrEnum):
    """A format of exports."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    WEBDATASET = "webdataset"
    COCO = "coco"
    HUGGING_FACE = "hugging_face"


class TagGroup(StrEnum):
    """Which tags go along."""

    ALGORITHM = "algorithm"
    USER = "user"


class ExportMode(StrEnum):
    """What happens to files that are there: they stay and tags are joined, or they are replaced."""

    MERGE = "merge"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True)
class StorageTarget:
    """A folder or prefix that an export writes; no connection means the server's own folders.

    Attributes:
        with_files: Copies the files themselves too.
    """

    uri: str
    format: ExportFormat
    connection: ConnectionName | None = None
    with_files: bool = False


@dataclass(frozen=True, slots=True)
class LogicalTarget:
    """A version of a logical dataset that an export fills; version 0 means the latest."""

    dataset: DatasetName
    version: int = 0
    mode: ExportMode = ExportMode.MERGE


@dataclass(frozen=True, slots=True)
class ExportWork:
    """Writes file records and files to storage, or to a logical version; no tag groups mean all."""

    target: StorageTarget | LogicalTarget
    selection: FileSelection = EVERY_FILE
    tag_groups: tuple[TagGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportExportWork:
    """Reads file records that an export wrote to storage."""

    source: StorageTarget
    mode: ExportMode = ExportMode.MERGE
