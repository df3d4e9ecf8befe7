"""Writes documents, and tells what came of it: how many are durable, and why the others are not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from sensorium.client.accounting import join_timings
from sensorium.client.documents import Document
from sensorium.errors import SensoriumError
from sensorium.model.document import Document as StoredDocument
from sensorium.model.document import DocumentMask
from sensorium.model.embedding import Priority, Timings, Usage
from sensorium.model.names import CollectionName
from sensorium.model.search import ChangeRequest, UpsertRequest, UpsertResponse
from sensorium.ports import Searcher


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
            Usage.joined(report.usage for report in reports),
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


async def write_batch(
    searcher: Searcher, collection: CollectionName, batch: Sequence[Document], start: int, priority: Priority
) -> UpsertReport:
    """Write one batch, whose first document has the place `start` among all.

    A document that cannot even be sent is an error of its own, as one that the server refuses.
    """
    stored, errors = to_stored(batch)
    response = UpsertResponse(())
    if stored:
        response = await searcher.upsert_documents(UpsertRequest(collection, tuple(stored.values()), priority=priority))
    return report_of(batch, start, stored, errors, response)


async def change_batch(
    searcher: Searcher, collection: CollectionName, batch: Sequence[Document], start: int, mask: DocumentMask
) -> UpsertReport:
    """Change tags and attributes of one batch, whose first document has the place `start` among all."""
    given = tuple(StoredDocument(each.id, None, tuple(each.tags), each.attributes) for each in batch)
    outcomes = await searcher.change_documents(ChangeRequest(collection, given, mask))
    return report_of(batch, start, range(len(batch)), {}, UpsertResponse(tuple(outcomes)))


def report_of(
    batch: Sequence[Document],
    start: int,
    sent: Iterable[int],
    unsendable: Mapping[int, SensoriumError],
    response: UpsertResponse,
) -> UpsertReport:
    """Return the outcome of a batch, of which the documents at the places `sent` got `response`."""
    outcomes = zip(sent, response.outcomes, strict=True)
    errors = {**unsendable, **{index: outcome for index, outcome in outcomes if outcome is not None}}
    failed = (DocumentError(start + index, batch[index].id, errors[index]) for index in sorted(errors))
    return UpsertReport(len(batch), tuple(failed), response.usage, response.timings)


def to_stored(batch: Sequence[Document]) -> tuple[dict[int, StoredDocument], dict[int, SensoriumError]]:
    """Return the documents of a batch that can be sent, and why the others cannot, by their place."""
    stored: dict[int, StoredDocument] = {}
    errors: dict[int, SensoriumError] = {}
    for index, document in enumerate(batch):
        try:
            stored[index] = document.to_stored()
        except SensoriumError as error:
            errors[index] = error
    return stored, errors
