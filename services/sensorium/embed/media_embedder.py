"""Embeds the images or sounds of a call: reads and batches them, a window at a time."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from sensorium.embed.batcher import Batcher, BatchLimits
from sensorium.embed.media_encoder import MediaEncoder
from sensorium.embed.media_reader import MediaReader
from sensorium.embed.parts import PartOutcomes, Place
from sensorium.embed.served_model import MediaTower
from sensorium.embed.windows import in_windows
from sensorium.media.decoded import Decoded
from sensorium.model.content import Part
from sensorium.model.embedding import EmbedRequest, Priority
from sensorium.ports import InferenceServer


class MediaEmbedder:
    """A `PartEmbedder` for one tower of images or sounds.

    Args:
        tower: The tower.
        reader: Of its images or sounds.
        dimension: Of its vectors.
        server: Where it runs.
        limits: Of its batches; a part counts as one.
    """

    def __init__(
        self, tower: MediaTower, reader: MediaReader, dimension: int, server: InferenceServer, *, limits: BatchLimits
    ) -> None:
        self._reader = reader
        items = min(limits.batch_items, tower.max_batch_size)
        narrowed = replace(limits, batch_items=items, batch_tokens=items)
        self._batcher = Batcher(MediaEncoder(server, tower, dimension), narrowed, length=lambda _: 1)

    async def close(self) -> None:
        """End what waits."""
        await self._batcher.close()

    async def embed(self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes) -> None:
        """Note a vector or an error for each part; one window is decoded while the one before is in the model.

        Raises:
            SensoriumError: The queue refused the call, or its deadline passed.
        """
        await in_windows(
            list(parts.items()),
            partial(self._reader.read, request=request, outcomes=outcomes),
            partial(self._infer, priority=request.priority, outcomes=outcomes),
        )

    async def _infer(self, decoded: Mapping[Place, Decoded], priority: Priority, outcomes: PartOutcomes) -> None:
        if not decoded:
            return
        made = await self._batcher.submit([each.tensor for each in decoded.values()], priority)
        for (place, each), outcome in zip(decoded.items(), made, strict=True):
            outcomes.settle(place, outcome, truncated=each.cut is not None)
