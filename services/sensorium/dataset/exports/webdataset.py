"""WebDataset: tar files of samples, each a file and its record as JSON, named alike.

Format: https://github.com/webdataset/webdataset; samples are neighbours in the tar, and share the name before the dot.
"""

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import msgspec

from sensorium.dataset.exports.jsonl import read_record
from sensorium.dataset.exports.part_format import Sample
from sensorium.dataset.exports.record import ExportedFile
from sensorium.errors import DataLoss, InvalidArgument, Reason

RECORD = "json"
MOST_RECORD_BYTES = 32 << 20


class WebDataset:
    """Implements `PartFormat`."""

    path = "shard-{number:05}.tar"
    embeds = True

    def encode(self, samples: Sequence[Sample]) -> bytes:
        """Return the samples as a tar file without times or owners."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for sample in samples:
                _add(tar, f"{sample.record.id}.{RECORD}", msgspec.json.encode(sample.record))
                if sample.content is not None:
                    _add(tar, f"{sample.record.id}.{_extension(sample.record.file_name)}", sample.content)
        return packed.getvalue()

    def decode(self, part: bytes) -> Iterator[ExportedFile | InvalidArgument]:
        """Yield the record of each sample."""
        decoder = msgspec.json.Decoder(ExportedFile)
        try:
            with tarfile.open(fileobj=io.BytesIO(part), mode="r:") as tar:
                for member in tar:
                    found = tar.extractfile(member) if member.isfile() and member.name.endswith(f".{RECORD}") else None
                    # A sparse member is large without a byte in the tar.
                    if found and member.size > MOST_RECORD_BYTES:
                        yield _too_long(member)
                    elif found:
                        yield read_record(decoder, found.read(), member.name)
        except tarfile.TarError as error:
            raise DataLoss(f"a shard is no tar file: {error}") from error


def _too_long(member: tarfile.TarInfo) -> InvalidArgument:
    return InvalidArgument(
        f"{member.name[:200]}: {member.size} bytes, the limit is {MOST_RECORD_BYTES}",
        reason=Reason.CONTENT_TOO_LONG,
        field="row",
        metadata={"limit": str(MOST_RECORD_BYTES), "unit": "bytes"},
    )


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _extension(file_name: str) -> str:
    """Return what a file is called behind its name; a record's own ending is not given to a file."""
    suffix = PurePosixPath(file_name).suffix.lstrip(".").lower()
    plain = suffix.isascii() and suffix.isalnum() and len(suffix) <= 16 and suffix != RECORD
    return suffix if plain else "bin"
