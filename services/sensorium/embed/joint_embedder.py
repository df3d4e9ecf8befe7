"""Embeds contents of a text and an image that the model reads together, a window at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sensorium.embed.batcher import Batcher, BatchLimits
from sensorium.embed.media_reader import MediaReader
from sensorium.embed.parts import PartOutcomes, Place
from sensorium.embed.rows import TRITON_PRIORITY, dense_outputs
from sensorium.embed.served_model import JointTower
from sensorium.embed.text_encoder import token_inputs
from sensorium.embed.text_reader import ReadText, TextReader
from sensorium.embed.windows import in_windows
from sensorium.embed.work import Outputs
from sensorium.errors import SensoriumError
from sensorium.media.decoded import Decoded
from sensorium.model.content import Modality, Part
from sensorium.model.embedding import EmbedRequest, Priority
from sensorium.ports import InferenceServer, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The token ids of a text, and the pixels of the image beside it."""

    ids: Sequence[int]
    pixels: Tensor

    def __len__(self) -> int:
        """Return how many tokens the text has."""
        return len(self.ids)


class JointEncoder:
    """A `BatchRunner` over a joint tower whose vectors have `dimension` components."""

    def __init__(self, server: InferenceServer, tower: JointTower, dimension: int, pad_id: int) -> None:
        self._server, self._tower, self._dimension, self._pad_id = server, tower, dimension, pad_id

    async def __call__(
        self, payloads: Sequence[Pair], length: int, priority: Priority
    ) -> Sequence[Outputs | SensoriumError]:
        """Return a vector for each pair, texts padded to `length`, or Internal for one that is not finite.

        Raises:
            SensoriumError: The inference server's, for the whole batch.
        """
        tower = self._tower
        inputs = token_inputs([pair.ids for pair in payloads], length, self._pad_id)
        inputs[tower.input] = np.stack([pair.pixels for pair in payloads])
        answer = await self._server.infer(tower.model, inputs, [tower.output], priority=TRITON_PRIORITY[priority])
        return dense_outputs(tower.model, answer[tower.output], (len(payloads), self._dimension))


class JointEmbedder:
    """A `PartEmbedder` for contents of one text and one image each.

    What it makes of a content stands at the place of its text.

    Args:
        tower: The tower that reads both.
        texts, images: Read each by itself, as the towers for one modality do.
        dimension: Of its vectors.
        server: Where it runs.
        limits: Of its batches and queues, in tokens of the texts.
    """

    def __init__(
        self,
        tower: JointTower,
        texts: TextReader,
        images: MediaReader,
        dimension: int,
        server: InferenceServer,
        *,
        limits: BatchLimits,
    ) -> None:
        self._texts, self._images = texts, images
        items = min(limits.batch_items, tower.max_batch_size)
        encoder = JointEncoder(server, tower, dimension, texts.tokenizer.pad_id)
        self._batcher = Batcher(encoder, replace(limits, batch_items=items))

    async def close(self) -> None:
        """End what waits."""
        await self._batcher.close()

    async def embed(self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes) -> None:
        """Note a vector or an error for each content; one window is decoded while the one before is in the model.

        Raises:
            SensoriumError: The queue refused the call, or its deadline passed.
        """
        texts = {place: part for place, part in parts.items() if part.modality is Modality.TEXT}
        read = await self._texts.read(texts, request, outcomes)
        readable = {place.content: (place, text) for place, text in read.items()}
        await in_windows(
            [(place, part) for place, part in parts.items() if place.content in readable and place not in texts],
            partial(self._images.read, request=request, outcomes=outcomes),
            partial(self._infer, readable, priority=request.priority, outcomes=outcomes),
        )

    async def _infer(
        self,
        texts: Mapping[int, tuple[Place, ReadText]],
        images: Mapping[Place, Decoded],
        *,
        priority: Priority,
        outcomes: PartOutcomes,
    ) -> None:
        if not images:
            return
        pairs = [(*texts[place.content], image) for place, image in images.items()]
        made = await self._batcher.submit([Pair(text.ids, image.tensor) for _, text, image in pairs], priority)
        for (place, text, image), outcome in zip(pairs, made, strict=True):
            truncated = text.truncated or image.cut is not None
            outcomes.settle(place, outcome, truncated=truncated, token_count=len(text.ids))
