"""One table for each shared enum, read both ways."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from sensorium.errors import InvalidArgument
from sensorium.model.content import Modality
from sensorium.model.embedding import Priority, Truncation
from sensorium.model.vector import DType, Metric
from sensorium.v1 import types_pb2

Member = TypeVar("Member")
Number = TypeVar("Number", bound=int)


class EnumTable(Generic[Member, Number]):
    """Maps the members of a domain enum to the numbers of a published one, one to one.

    `unspecified` is the member that the number 0 means; None where 0 must not be sent.
    """

    def __init__(self, numbers: Mapping[Member, Number], *, unspecified: Member | None = None) -> None:
        self._numbers = dict(numbers)
        self._members: dict[int, Member] = {number: member for member, number in numbers.items()}
        if unspecified is not None:
            self._members[0] = unspecified

    def to_proto(self, member: Member) -> Number:
        """Return the number of `member`."""
        return self._numbers[member]

    def from_proto(self, number: int, field: str) -> Member:
        """Return the member for `number`.

        Raises:
            InvalidArgument: `number` has no meaning here; names `field`.
        """
        try:
            return self._members[number]
        except KeyError:
            known = ", ".join(map(str, sorted(self._members)))
            raise InvalidArgument(f"{field}: {number} is not one of {known}", field=field) from None


MODALITY = EnumTable(
    {
        Modality.TEXT: types_pb2.MODALITY_TEXT,
        Modality.IMAGE: types_pb2.MODALITY_IMAGE,
        Modality.AUDIO: types_pb2.MODALITY_AUDIO,
        Modality.VIDEO: types_pb2.MODALITY_VIDEO,
    }
)

DTYPE = EnumTable(
    {
        DType.FLOAT32: types_pb2.D_TYPE_FLOAT32,
        DType.FLOAT16: types_pb2.D_TYPE_FLOAT16,
        DType.INT8: types_pb2.D_TYPE_INT8,
        DType.BINARY: types_pb2.D_TYPE_BINARY,
    },
    unspecified=DType.FLOAT32,
)

METRIC = EnumTable(
    {
        Metric.COSINE: types_pb2.METRIC_COSINE,
        Metric.DOT: types_pb2.METRIC_DOT,
        Metric.EUCLIDEAN: types_pb2.METRIC_EUCLIDEAN,
    },
    unspecified=Metric.COSINE,
)

PRIORITY = EnumTable(
    {Priority.INTERACTIVE: types_pb2.PRIORITY_INTERACTIVE, Priority.BULK: types_pb2.PRIORITY_BULK},
    unspecified=Priority.INTERACTIVE,
)

TRUNCATION = EnumTable(
    {Truncation.END: types_pb2.TRUNCATION_END, Truncation.REFUSE: types_pb2.TRUNCATION_REFUSE},
    unspecified=Truncation.END,
)
