"""Lets models tag that nobody has calibrated: similarities become scores by a curve that is assumed."""

from collections.abc import Sequence
from dataclasses import replace

from sensorium.model.embedding import Calibration, EmbedRequest, EmbedResponse, ModelInfo
from sensorium.ports import Embedder

# Even odds at a cosine of 0.30, as the models of this mesh were found to have for texts (28.2 and -8.7), and less steep
# than theirs, for less is known.
SLOPE, INTERCEPT = 20.0, -6.0


class AssumedCalibration:
    """Shows the models of another embedder as calibrated for all that they take; implements `ports.Embedder`."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def models(self) -> Sequence[ModelInfo]:
        """Return the models."""
        return [_assumed(each) for each in await self._embedder.models()]

    async def model(self, name: str) -> ModelInfo:
        """Return one model. Raises NotFound."""
        return _assumed(await self._embedder.model(name))

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        """Return one embedding or error for each content, in order."""
        return await self._embedder.embed(request)


def _assumed(model: ModelInfo) -> ModelInfo:
    calibrations = tuple(
        model.calibration_of(modality) or Calibration(SLOPE, INTERCEPT, modality) for modality in model.modalities
    )
    return replace(model, calibrations=calibrations)
