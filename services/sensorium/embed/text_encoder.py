"""Runs a batch of token ids through a text tower on the inference server."""

from collections.abc import Sequence

import numpy as np

from sensorium.embed.served_model import TextTower
from sensorium.embed.work import Row
from sensorium.errors import Internal, SensoriumError
from sensorium.model.embedding import Priority
from sensorium.ports import InferenceServer, Tensor

_TRITON_PRIORITY = {Priority.INTERACTIVE: 1, Priority.BULK: 2}


class TextEncoder:
    """A `BatchRunner` over one tower whose vectors have `dimension` components."""

    def __init__(self, server: InferenceServer, tower: TextTower, dimension: int, pad_id: int) -> None:
        self._server = server
        self._tower = tower
        self._dimension = dimension
        self._pad_id = pad_id

    async def __call__(
        self, sequences: Sequence[Sequence[int]], length: int, priority: Priority
    ) -> Sequence[Row | SensoriumError]:
        """Return a vector for each sequence, padded to `length`, or Internal for one that is not finite.

        Raises:
            SensoriumError: The inference server's, for the whole batch.
        """
        outputs = await self._server.infer(
            self._tower.model,
            self._inputs(sequences, length),
            [self._tower.output],
            priority=_TRITON_PRIORITY[priority],
        )
        return self._rows(outputs[self._tower.output], len(sequences))

    def _inputs(self, sequences: Sequence[Sequence[int]], length: int) -> dict[str, Tensor]:
        """Return input_ids and attention_mask, int64 [batch, length]."""
        ids = np.full((len(sequences), length), self._pad_id, np.int64)
        mask = np.zeros((len(sequences), length), np.int64)
        for row, sequence in enumerate(sequences):
            size = len(sequence)
            ids[row, :size] = sequence
            mask[row, :size] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def _rows(self, vectors: Tensor, count: int) -> Sequence[Row | SensoriumError]:
        if vectors.shape != (count, self._dimension):
            raise Internal(
                f"model {self._tower.model!r} gave {list(vectors.shape)} values, not {[count, self._dimension]}"
            )
        rows = vectors.astype(np.float32, copy=False)
        if np.isfinite(rows).all():
            return list(rows)
        return [row if np.isfinite(row).all() else self._not_finite() for row in rows]

    def _not_finite(self) -> Internal:
        return Internal(f"model {self._tower.model!r} gave a vector that is not finite")
