"""Runs a batch of decoded images or sounds through their tower on the inference server."""

from collections.abc import Sequence

import numpy as np

from sensorium.embed.rows import TRITON_PRIORITY, dense_outputs
from sensorium.embed.served_model import MediaTower
from sensorium.embed.work import Outputs
from sensorium.errors import SensoriumError
from sensorium.model.embedding import Priority
from sensorium.ports import InferenceServer, Tensor


class MediaEncoder:
    """A `BatchRunner` over one tower whose vectors have `dimension` components."""

    def __init__(self, server: InferenceServer, tower: MediaTower, dimension: int) -> None:
        self._server = server
        self._tower = tower
        self._dimension = dimension

    async def __call__(
        self,
        payloads: Sequence[Tensor],
        length: int,  # noqa: ARG002 - they are all alike
        priority: Priority,
    ) -> Sequence[Outputs | SensoriumError]:
        """Return a vector for each tensor, or Internal for one that is not finite.

        Raises:
            SensoriumError: The inference server's, for the whole batch.
        """
        tower = self._tower
        outputs = await self._server.infer(
            tower.model, {tower.input: np.stack(payloads)}, [tower.output], priority=TRITON_PRIORITY[priority]
        )
        return dense_outputs(tower.model, outputs[tower.output], (len(payloads), self._dimension))
