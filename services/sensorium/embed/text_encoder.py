"""Runs a batch of token ids through a text tower on the inference server."""

from collections.abc import Sequence

import numpy as np

from sensorium.embed.rows import TRITON_PRIORITY, checked_rows
from sensorium.embed.served_model import TextTower
from sensorium.embed.work import Row
from sensorium.errors import SensoriumError
from sensorium.model.embedding import Priority
from sensorium.ports import InferenceServer, Tensor


class TextEncoder:
    """A `BatchRunner` over one tower whose vectors have `dimension` components."""

    def __init__(self, server: InferenceServer, tower: TextTower, dimension: int, pad_id: int) -> None:
        self._server = server
        self._tower = tower
        self._dimension = dimension
        self._pad_id = pad_id

    async def __call__(
        self, payloads: Sequence[Sequence[int]], length: int, priority: Priority
    ) -> Sequence[Row | SensoriumError]:
        """Return a vector for each list of token ids, padded to `length`, or Internal for one that is not finite.

        Raises:
            SensoriumError: The inference server's, for the whole batch.
        """
        outputs = await self._server.infer(
            self._tower.model,
            self._inputs(payloads, length),
            [self._tower.output],
            priority=TRITON_PRIORITY[priority],
        )
        return checked_rows(self._tower.model, outputs[self._tower.output], (len(payloads), self._dimension))

    def _inputs(self, sequences: Sequence[Sequence[int]], length: int) -> dict[str, Tensor]:
        """Return input_ids and attention_mask, int64 [batch, length]."""
        ids = np.full((len(sequences), length), self._pad_id, np.int64)
        mask = np.zeros((len(sequences), length), np.int64)
        for row, sequence in enumerate(sequences):
            size = len(sequence)
            ids[row, :size] = sequence
            mask[row, :size] = 1
        return {"input_ids": ids, "attention_mask": mask}
