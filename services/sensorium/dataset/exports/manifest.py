"""What an export consists of; it is written last, so an export without it is not whole."""

from dataclasses import dataclass

import msgspec

from sensorium.errors import DataLoss, FailedPrecondition
from sensorium.model.dataset_export import ExportFormat, TagGroup

PATH = "manifest.json"
FORMAT_VERSION = 1
MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an export; `sha256` in hexadecimal."""

    path: str
    sha256: str
    size_bytes: int
    record_count: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export consists of.

    Attributes:
        version: The version that was exported.
        uri: Where the files of that version are.
        connection: The storage connection of that version; empty means folders of the server.
        job: The job that wrote it.
        tag_groups: Which tags went along; none mean all.
        with_files: Whether the files themselves went along.
        parts: The files with records, in the order of their numbers.
    """

    format: ExportFormat
    version: str
    uri: str
    connection: str
    job: str
    tag_groups: tuple[TagGroup, ...]
    with_files: bool
    record_count: int
    create_time: str
    parts: tuple[Part, ...]
    format_version: int = FORMAT_VERSION


def encoded(manifest: Manifest) -> bytes:
    """Return a manifest as JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)


def decoded(content: bytes) -> Manifest:
    """Return the manifest that was read.

    Raises:
        DataLoss: It is no manifest.
        FailedPrecondition: A later release wrote it.
    """
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DataLoss(f"{PATH} is damaged: {error}", metadata={"file": PATH}) from error
    if manifest.format_version != FORMAT_VERSION:
        raise FailedPrecondition(
            f"{PATH} has the format {manifest.format_version}, this release reads {FORMAT_VERSION}",
            metadata={"file": PATH},
        )
    return manifest
