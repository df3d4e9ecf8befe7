"""What the wire formats of embedding services have in common: a body goes out, and vectors by place come back."""

from collections.abc import Sequence
from typing import Protocol

from sensorium.errors import FailedPrecondition, Reason
from sensorium.model.content import Content, Modality

Rows = Sequence[Sequence[float] | None]


class EmbeddingApi(Protocol):
    """One wire format."""

    @property
    def path(self) -> str:
        """Where below the base URL is posted."""
        ...

    def body(self, model: str, modality: Modality, contents: Sequence[Content], dimension: int) -> bytes:
        """Return the JSON that asks for the vectors of contents of one part and one modality; 0 is no dimension."""
        ...

    def rows(self, answer: bytes, count: int) -> Rows:
        """Return the components of each of `count` vectors, in order; None for one that did not come.

        Raises:
            FailedPrecondition: CONNECTION_UNUSABLE: the answer is none of this format.
            SensoriumError: The answer is an error that the format hides in a good status.
        """
        ...


def in_places(found: Sequence[tuple[int | None, Sequence[float]]], count: int) -> Rows:
    """Return vectors by the places that they state; those that state none stand in order.

    Raises:
        FailedPrecondition: CONNECTION_UNUSABLE: a place is stated twice, or is beyond `count`.
    """
    rows: list[Sequence[float] | None] = [None] * count
    for position, (stated, row) in enumerate(found):
        place = position if stated is None else stated
        if not 0 <= place < count or rows[place] is not None:
            raise unreadable(f"it gives a vector for the place {place} of {count}")
        rows[place] = row
    return rows


def unreadable(why: str) -> FailedPrecondition:
    """Return the error for an answer that is none of the format."""
    return FailedPrecondition(f"the answer cannot be used: {why}", reason=Reason.CONNECTION_UNUSABLE)
