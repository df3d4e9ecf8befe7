"""What came of writing documents: how many are durable, and why the others are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sensorium.client.accounting import join_timings, join_usage
from sensorium.errors import SensoriumError
from sensorium.model.embedding import Timings, Usage


@dataclass(frozen=True, slots=True)
class DocumentError:
    """One document that was not written; `index` is its place among all that were given, from 0."""

    index: int
    id: str
    error: SensoriumError


@dataclass(frozen=True, slots=True)
class UpsertReport:
    """The outcome of all documents, or of one batch of them.

    Attributes:
        document_count: How many were tried.
        errors: Those that were not written; all others are durable.
        usage: What embedding them consumed.
        timings: Where the time went, summed over calls.
    """

    document_count: int
    errors: tuple[DocumentError, ...] = ()
    usage: Usage = Usage()
    timings: Timings = Timings()

    @classmethod
    def joined(cls, reports: Sequence["UpsertReport"]) -> Self:
        """Return several batches as one."""
        return cls(
            sum(report.document_count for report in reports),
            tuple(error for report in reports for error in report.errors),
            join_usage(report.usage for report in reports),
            join_timings(report.timings for report in reports),
        )

    @property
    def written_count(self) -> int:
        """How many documents were written."""
        return self.document_count - len(self.errors)

    def raise_for_errors(self) -> Self:
        """Return the report; raise the first document's error when there is one."""
        for failed in self.errors:
            raise failed.error
        return self
