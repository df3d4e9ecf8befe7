"""JSON Lines: one record a line."""

from collections.abc import Iterator, Sequence

import msgspec

from sensorium.dataset.exports.part_format import Sample
from sensorium.dataset.exports.record import ExportedFile
from sensorium.errors import InvalidArgument


class JsonLines:
    """Implements `PartFormat`."""

    path = "data/part-{number:05}.jsonl"
    embeds = False

    def encode(self, samples: Sequence[Sample]) -> bytes:
        """Return the records as lines."""
        encoder = msgspec.json.Encoder()
        return b"".join(encoder.encode(sample.record) + b"\n" for sample in samples)

    def decode(self, part: bytes) -> Iterator[ExportedFile | InvalidArgument]:
        """Yield the record of each line."""
        decoder = msgspec.json.Decoder(ExportedFile)
        for number, line in enumerate(part.splitlines(), 1):
            if line.strip():
                yield read_record(decoder, line, f"line {number}")


def read_record(
    decoder: "msgspec.json.Decoder[ExportedFile]", encoded: bytes, where: str
) -> ExportedFile | InvalidArgument:
    """Return a record, or what is wrong with it."""
    try:
        return decoder.decode(encoded)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return InvalidArgument(f"{where}: {error}", field=where)
