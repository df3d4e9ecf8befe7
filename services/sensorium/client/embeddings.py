"""What comes of embedding a batch, as numpy wants it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sensorium.client.accounting import join_timings
from sensorium.errors import SensoriumError
from sensorium.model.embedding import Embedding, EmbedResponse, Timings, Usage
from sensorium.model.vector import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """One embedding or error for each content, in order.

    Attributes:
        model: The id of the model that was used.
        model_revision: Its revision: vectors of different revisions must not be mixed.
        results: An embedding or an error for each content.
        usage: What the successful contents consumed.
        timings: Where the time went, summed over calls.
    """

    model: str
    model_revision: str
    results: tuple[Embedding | SensoriumError, ...]
    usage: Usage = Usage()
    timings: Timings = Timings()

    @classmethod
    def joined(cls, responses: Sequence[EmbedResponse]) -> Self:
        """Return the results of several calls as one; `responses` holds at least one."""
        return cls(
            responses[-1].model,
            responses[-1].model_revision,
            tuple(result for response in responses for result in response.results),
            Usage.joined(response.usage for response in responses),
            join_timings(response.timings for response in responses),
        )

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The dense vectors, shape [contents, dimension], float32; a content that failed has a row of NaN."""
        rows = [self._row(result) for result in self.results]
        dimension = max((row.size for row in rows), default=0)
        missing = np.full(dimension, np.nan, np.float32)
        return np.stack([row if row.size else missing for row in rows]) if rows else np.empty((0, 0), np.float32)

    @property
    def errors(self) -> Mapping[int, SensoriumError]:
        """The errors by the place of their content."""
        return {index: result for index, result in enumerate(self.results) if isinstance(result, SensoriumError)}

    def raise_for_errors(self) -> Self:
        """Return the embeddings; raise the first error when there is one."""
        for error in self.errors.values():
            raise error
        return self

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, index: int) -> Embedding:
        """Return one embedding, or raise its error."""
        result = self.results[index]
        if isinstance(result, SensoriumError):
            raise result
        return result

    def __iter__(self) -> Iterator[Embedding]:
        return (self[index] for index in range(len(self)))

    @staticmethod
    def _row(result: Embedding | SensoriumError) -> NDArray[np.float32]:
        match result:
            case Embedding(dense=Vector() as vector):
                return vector.to_numpy()
            case _:
                return np.empty(0, np.float32)
