"""Lines of a file or of stdin with their numbers, so that an error can name its line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sensorium.errors import InvalidArgument, Reason

STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `number` counts from 1."""

    number: int
    raw: bytes

    def text(self) -> str:
        """Return what it says, without its end. Raises InvalidArgument when it is not UTF-8."""
        try:
            return self.raw.rstrip(b"\r\n").decode()
        except UnicodeDecodeError as error:
            raise InvalidArgument(
                f"line {self.number} is not UTF-8: {error.reason} at byte {error.start}",
                reason=Reason.REQUEST_MALFORMED,
                field=f"line {self.number}",
            ) from None

    def invalid(self, field: str, problem: str) -> InvalidArgument:
        """Return the error for a field of the record in this line, or for all of it where `field` is empty."""
        place = f"line {self.number}"
        return InvalidArgument(
            f"{place}: {f'{field} ' if field else ''}{problem}",
            reason=Reason.FIELD_INVALID if field else Reason.REQUEST_MALFORMED,
            field=field or place,
        )


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a file or of stdin.

    Attributes:
        stream: Where they come from.
        count: How many there are; None when that cannot be known before they are read.
    """

    stream: BinaryIO
    count: int | None

    def __iter__(self) -> Iterator[Line]:
        return (Line(number, raw) for number, raw in enumerate(self.stream, 1))


@contextmanager
def opened(file: Path) -> Iterator[Lines]:
    """Open a file, or stdin when its name is `-`."""
    if file == STDIN:
        yield Lines(sys.stdin.buffer, None)
        return
    with file.open("rb") as stream:
        count = sum(1 for _ in stream)
        stream.seek(0)
        yield Lines(stream, count)
