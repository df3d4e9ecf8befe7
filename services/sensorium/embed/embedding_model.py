"""One embedding model at work: its towers embed the parts of contents, whose vectors become embeddings."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from types import TracebackType
from typing import Self

from sensorium.embed.batcher import BatchLimits
from sensorium.embed.fusion import fused
from sensorium.embed.joint_embedder import JointEmbedder
from sensorium.embed.media_embedder import MediaEmbedder
from sensorium.embed.media_queue import MediaQueue
from sensorium.embed.media_reader import MediaReader, MediaResources
from sensorium.embed.options import check_options
from sensorium.embed.parts import PartEmbedder, PartOutcomes, Place, parts_of, read_jointly
from sensorium.embed.served_model import ServedModel
from sensorium.embed.text_embedder import TextEmbedder
from sensorium.embed.text_reader import TextReader
from sensorium.errors import InvalidArgument, SensoriumError, located
from sensorium.model.content import Content, Modality, Part
from sensorium.model.embedding import Embedding, EmbedRequest, ModelInfo
from sensorium.ports import InferenceServer

Outcome = Embedding | SensoriumError


class EmbeddingModel:
    """Embeds contents of the modalities that its towers take. Leaving its block ends what waits.

    Args:
        served: The model.
        server: Where its towers run.
        limits: Of the batches and queue of texts; the tower's own limits apply too.
        media_limits: Of the batches of images, and of sounds.
        max_text_bytes: The largest text, in UTF-8.
        executor: Where longer texts are tokenised.
        resources: Where media come from and are decoded.
        queue: Room for media, shared with other models.
    """

    def __init__(
        self,
        served: ServedModel,
        server: InferenceServer,
        *,
        limits: BatchLimits,
        media_limits: BatchLimits,
        max_text_bytes: int,
        executor: Executor,
        resources: MediaResources,
        queue: MediaQueue,
    ) -> None:
        self._served = served
        self._queue = queue
        self._server = server
        dimension = served.info.dimension
        readers = {
            modality: MediaReader(modality, tower.decoder, resources) for modality, tower in served.media.items()
        }
        self._embedders: dict[Modality, PartEmbedder] = {
            modality: MediaEmbedder(tower, readers[modality], dimension, server, limits=media_limits)
            for modality, tower in served.media.items()
        }
        self._joint: JointEmbedder | None = None
        if served.text:
            texts = TextReader(served, served.text, max_text_bytes=max_text_bytes, executor=executor)
            self._embedders[Modality.TEXT] = TextEmbedder(served, served.text, texts, server, limits=limits)
            if served.joint:
                pairs = replace(limits, batch_items=media_limits.batch_items, lengths=served.text.lengths)
                images = readers[Modality.IMAGE]
                self._joint = JointEmbedder(served.joint, texts, images, dimension, server, limits=pairs)
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for embedder in (*self._embedders.values(), self._joint):
            if embedder:
                self._exits.push_async_callback(embedder.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.__aexit__(kind, error, trace)

    @property
    def info(self) -> ModelInfo:
        """What clients see of it; its state is not kept up to date."""
        return self._served.info

    @property
    def usage_weights(self) -> Mapping[Modality, float]:
        """What one part of a modality counts; 1 where it says nothing."""
        return self._served.usage_weights

    async def ready(self) -> bool:
        """Return whether the canary inferences of all its towers have passed."""
        return all([await self._server.ready(tower) for tower in self._served.towers])

    async def embed(self, request: EmbedRequest) -> Sequence[Outcome]:
        """Return an embedding or an error for each content, in order.

        Raises:
            InvalidArgument: The model cannot do what the options ask for.
            SensoriumError: A queue refused the call, its deadline passed, or the model answered for no content.
        """
        check_options(request.options, self.info)
        refused: dict[int, SensoriumError] = {}
        work = self._work(request, refused)
        outcomes = PartOutcomes()
        media_count = sum(part.modality is not Modality.TEXT for parts in work.values() for part in parts.values())
        with self._queue.entered(media_count) if media_count else nullcontext():
            await _together(work, request, outcomes)
        if outcomes.failed and not outcomes.embedded:
            raise next(iter(outcomes.failed.values()))
        return [
            refused.get(index) or self._outcome(index, content, request, outcomes)
            for index, content in enumerate(request.contents)
        ]

    def _work(self, request: EmbedRequest, refused: dict[int, SensoriumError]) -> dict[PartEmbedder, dict[Place, Part]]:
        """Return the parts by embedder and place; a content that the model does not take gets its error."""
        work: dict[PartEmbedder, dict[Place, Part]] = {}
        options, info = request.options, self.info
        for index, content in enumerate(request.contents):
            field = f"contents[{index}]"
            try:
                parts = parts_of(content, field, options, info)
                joint = self._joint if read_jointly(content, field, options, info) else None
            except InvalidArgument as error:
                refused[index] = error
                continue
            for place, part in enumerate(parts):
                work.setdefault(joint or self._embedders[part.modality], {})[Place(index, place)] = part
        return work

    def _outcome(self, index: int, content: Content, request: EmbedRequest, outcomes: PartOutcomes) -> Outcome:
        embedded, weights = [], []
        for place, part in enumerate(content.parts):
            if error := outcomes.error(Place(index, place)):
                return error
            if made := outcomes.embedded.get(Place(index, place)):
                embedded.append(made)
                weights.append(part.weight)
        try:
            return fused(embedded, weights, request.options, unit=self.info.normalized)
        except InvalidArgument as error:
            return located(error, f"contents[{index}].parts")


async def _together(
    work: Mapping[PartEmbedder, Mapping[Place, Part]], request: EmbedRequest, outcomes: PartOutcomes
) -> None:
    """Let each embedder do its parts, all at once; the first that refuses the call ends the others."""
    if len(work) == 1:
        ((embedder, parts),) = work.items()
        await embedder.embed(parts, request, outcomes)
        return
    tasks = [asyncio.create_task(embedder.embed(parts, request, outcomes)) for embedder, parts in work.items()]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
