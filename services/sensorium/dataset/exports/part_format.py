"""What a format of exports must do: make the bytes of one part, and read its records again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sensorium.dataset.exports.record import ExportedFile
from sensorium.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Sample:
    """A record, and the bytes of its file where the format holds them itself; None where it does not."""

    record: ExportedFile
    content: bytes | None = None


class PartFormat(Protocol):
    """Makes parts and reads them; a part fits into memory."""

    @property
    def path(self) -> str:
        """Where part `number` lies: `data/part-{number:05}.jsonl`."""
        ...

    @property
    def embeds(self) -> bool:
        """Whether a part holds the files themselves, instead of naming copies of them."""
        ...

    def encode(self, samples: Sequence[Sample]) -> bytes:
        """Return the bytes of a part; the same samples give the same bytes."""
        ...

    def decode(self, part: bytes) -> Iterator[ExportedFile | InvalidArgument]:
        """Yield each record or why it cannot be read, in order.

        Raises:
            DataLoss: The part cannot be read at all.
            InvalidArgument: It would take more memory than a part may.
        """
        ...
