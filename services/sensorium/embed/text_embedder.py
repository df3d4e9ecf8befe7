"""Embeds the texts of a call: reads and batches them."""

from collections.abc import Mapping
from dataclasses import replace

from sensorium.embed.batcher import Batcher, BatchLimits
from sensorium.embed.parts import PartOutcomes, Place
from sensorium.embed.served_model import ServedModel, TextTower
from sensorium.embed.text_encoder import TextEncoder, TextInput
from sensorium.embed.text_reader import TextReader
from sensorium.model.content import Part
from sensorium.model.embedding import EmbedRequest
from sensorium.ports import InferenceServer


class TextEmbedder:
    """A `PartEmbedder` for one text tower.

    Args:
        served: The model.
        tower: Its tower for texts.
        reader: Of its texts.
        server: Where it runs.
        limits: Of its batches and queues; the tower's own limits apply too.
    """

    def __init__(
        self,
        served: ServedModel,
        tower: TextTower,
        reader: TextReader,
        server: InferenceServer,
        *,
        limits: BatchLimits,
    ) -> None:
        self._reader = reader
        encoder = TextEncoder(server, tower, served.info.dimension, reader.tokenizer)
        items = min(limits.batch_items, tower.max_batch_size)
        self._batcher = Batcher(encoder, replace(limits, batch_items=items, lengths=tower.lengths))

    async def close(self) -> None:
        """End what waits."""
        await self._batcher.close()

    async def embed(self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes) -> None:
        """Note the outputs or an error for each text.

        Raises:
            SensoriumError: The queue refused the call, or its deadline passed.
        """
        texts = await self._reader.read(parts, request, outcomes)
        if not texts:
            return
        inputs = [TextInput(text.ids, request.options.outputs) for text in texts.values()]
        made = await self._batcher.submit(inputs, request.priority)
        for (place, text), outcome in zip(texts.items(), made, strict=True):
            outcomes.settle(place, outcome, truncated=text.truncated, token_count=len(text.ids))
