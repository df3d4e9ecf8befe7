"""Reads the images or sounds of a call: brings and decodes them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sensorium import context
from sensorium.context import Stage
from sensorium.embed.decoders import Decoders
from sensorium.embed.parts import PartOutcomes, Place
from sensorium.errors import DeadlineExceeded, SensoriumError, located
from sensorium.media.decoded import Decoded, Decoder
from sensorium.media.faults import empty, too_long
from sensorium.media.source import MediaSource
from sensorium.model.content import Media, Modality, Part, TokenIds
from sensorium.model.embedding import EmbedRequest, Truncation


@dataclass(frozen=True, slots=True)
class MediaResources:
    """What all towers share: where media come from, and threads that decode."""

    source: MediaSource
    decoders: Decoders


class MediaReader:
    """Turns the images or sounds of a call into what a tower reads.

    Args:
        modality: What it takes.
        decoder: Of the tower.
        resources: Shared with other towers.
    """

    def __init__(self, modality: Modality, decoder: Decoder, resources: MediaResources) -> None:
        self._modality, self._decoder, self._resources = modality, decoder, resources

    async def read(
        self, window: Sequence[tuple[Place, Part]], request: EmbedRequest, outcomes: PartOutcomes
    ) -> dict[Place, Decoded]:
        """Return what can be decoded; the rest gets its error.

        Raises:
            DeadlineExceeded: The deadline passed.
        """
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
