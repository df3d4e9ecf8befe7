"""Writes lines as documents: every bad line is told with its number, and no good one is lost."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sensorium.cli.lines import Line, Lines
from sensorium.cli.output import Output
from sensorium.cli.progress import Advance, progress
from sensorium.cli.records import read_document
from sensorium.client import Client, Document, UpsertReport
from sensorium.errors import SensoriumError


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many documents were written, and how many lines were not."""

    written_count: int
    failed_count: int


def write(client: Client, output: Output, collection: str, lines: Lines, *, batch_size: int, strict: bool) -> Outcome:
    """Write the documents of `lines`, and tell of each that cannot be written.

    Raises:
        SensoriumError: A whole batch failed, or, with `strict`, one line; what was written before is told.
    """
    with progress(output, collection, lines.count) as advance:
        ledger = Ledger(output, advance, strict=strict)
        try:
            client.upsert_bulk(collection, ledger.documents(lines), batch_size=batch_size, on_batch=ledger.note)
        except SensoriumError:
            output.say(f"stopped: of the lines up to {ledger.last_line}, {ledger.written:,} documents are written")
            raise
    return Outcome(ledger.written, ledger.failed)


class Ledger:
    """Knows what became of each line.

    Attributes:
        written: How many documents are durable.
        failed: How many lines are not.
        last_line: The last line whose outcome is known.
    """

    def __init__(self, output: Output, advance: Advance, *, strict: bool) -> None:
        self._output = output
        self._advance = advance
        self._strict = strict
        self._sent: deque[int] = deque()
        self._answered = 0
        self.written = 0
        self.failed = 0
        self.last_line = 0

    def documents(self, lines: Iterable[Line]) -> Iterator[Document]:
        """Yield the documents of the good lines."""
        for line in lines:
            if not line.raw.strip():
                self._advance(1)
                continue
            try:
                document = read_document(line)
            except SensoriumError as error:
                self._fail(line.number, error)
                self._advance(1)
            else:
                self._sent.append(line.number)
                yield document

    def note(self, report: UpsertReport) -> None:
        """Take the outcome of the oldest batch that was sent."""
        numbers = [self._sent.popleft() for _ in range(report.document_count)]
        self.last_line = numbers[-1]
        self.written += report.written_count
        self._advance(report.document_count)
        for failed in report.errors:
            number = numbers[failed.index - self._answered]
            self._fail(number, _on_line(number, failed.id, failed.error))
        self._answered += report.document_count

    def _fail(self, number: int, error: SensoriumError) -> None:
        if self._strict:
            raise error
        self.failed += 1
        self._output.fail(error, line=number)


def _on_line(number: int, document_id: str, error: SensoriumError) -> SensoriumError:
    """Return a document's error with its line in the message."""
    message = f"line {number}: document {document_id!r}: {error.message}"
    return type(error)(message, reason=error.reason, field=error.field, metadata=error.metadata)
