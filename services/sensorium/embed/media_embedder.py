"""Embeds the images or sounds of a call: brings, decodes and batches them, a window at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from sensorium import context
from sensorium.context import Stage
from sensorium.embed.batcher import Batcher, BatchLimits
from sensorium.embed.decoders import Decoders
from sensorium.embed.media_encoder import MediaEncoder
from sensorium.embed.parts import PartOutcomes, PartVector, Place
from sensorium.embed.served_model import MediaTower
from sensorium.errors import DeadlineExceeded, SensoriumError, located
from sensorium.media.decoded import Decoded
from sensorium.media.faults import empty, too_long
from sensorium.media.source import MediaSource
from sensorium.model.content import Media, Modality, Part, TokenIds
from sensorium.model.embedding import EmbedRequest, Truncation
from sensorium.ports import InferenceServer

_WINDOW = 32  # a call holds the tensors of two windows at most: one that is decoded, one that waits for the model


@dataclass(frozen=True, slots=True)
class MediaResources:
    """What all towers share: where media come from, and threads that decode."""

    source: MediaSource
    decoders: Decoders


class MediaEmbedder:
    """A `PartEmbedder` for one tower of images or sounds. Leaving its block ends what waits.

    Args:
        modality: What it takes.
        tower: The tower.
        dimension: Of its vectors.
        server: Where it runs.
        limits: Of its batches; a part counts as one.
        resources: Shared with other towers.
    """

    def __init__(
        self,
        modality: Modality,
        tower: MediaTower,
        dimension: int,
        server: InferenceServer,
        *,
        limits: BatchLimits,
        resources: MediaResources,
    ) -> None:
        self._modality = modality
        self._decoder = tower.decoder
        self._resources = resources
        items = min(limits.batch_items, tower.max_batch_size)
        narrowed = replace(limits, batch_items=items, batch_tokens=items)
        self._batcher = Batcher(MediaEncoder(server, tower, dimension), narrowed, length=lambda _: 1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._batcher.__aexit__(kind, error, trace)

    async def embed(self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes) -> None:
        """Note a vector or an error for each part; one window is decoded while the one before is in the model.

        Raises:
            SensoriumError: The queue refused the call, or its deadline passed.
        """
        waiting = list(parts.items())
        before: asyncio.Task[None] | None = None
        try:
            for start in range(0, len(waiting), _WINDOW):
                decoded = await self._decoded(waiting[start : start + _WINDOW], request, outcomes)
                if before:
                    await before
                before = asyncio.create_task(self._inferred(decoded, request, outcomes))
            if before:
                await before
        finally:
            if before and not before.done():
                before.cancel()
                await asyncio.gather(before, return_exceptions=True)

    async def _decoded(
        self, window: Sequence[tuple[Place, Part]], request: EmbedRequest, outcomes: PartOutcomes
    ) -> dict[Place, Decoded]:
        """Return what can be decoded; the rest gets its error."""
        loop = asyncio.get_running_loop()
        refuse_long = request.options.truncation is Truncation.REFUSE
        try:
            with context.timed(Stage.PREPROCESS):
                async with asyncio.timeout_at(context.deadline_on_loop(loop)):
                    found = await asyncio.gather(*(self._decoded_or_fault(part, refuse_long) for _, part in window))
        except TimeoutError:
            raise DeadlineExceeded(f"the deadline passed while the {self._modality} parts were decoded") from None
        decoded: dict[Place, Decoded] = {}
        for (place, _), outcome in zip(window, found, strict=True):
            if isinstance(outcome, Decoded):
                decoded[place] = outcome
            else:
                outcomes.refused[place] = located(outcome, place.field(self._modality))
        return decoded

    async def _decoded_or_fault(self, part: Part, refuse_long: bool) -> Decoded | SensoriumError:
        try:
            decoded = await self._decode(part.body)
            if refuse_long and decoded.cut:
                raise too_long(decoded.cut.actual, decoded.cut.limit, decoded.cut.unit)
        except SensoriumError as error:
            return error
        return decoded

    async def _decode(self, body: str | TokenIds | Media) -> Decoded:
        if not isinstance(body, Media):
            raise empty("holds a text")
        async with self._resources.source.opened(body, self._decoder.max_bytes) as encoded:
            return await self._resources.decoders.decode(self._decoder, encoded)

    async def _inferred(self, decoded: Mapping[Place, Decoded], request: EmbedRequest, outcomes: PartOutcomes) -> None:
        if not decoded:
            return
        rows = await self._batcher.submit([each.tensor for each in decoded.values()], request.priority)
        vectors = (
            row if isinstance(row, SensoriumError) else PartVector(row, truncated=each.cut is not None)
            for each, row in zip(decoded.values(), rows, strict=True)
        )
        outcomes.settle(decoded, vectors)
