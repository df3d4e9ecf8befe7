"""Chooses the calibration that turns the similarities of a content into scores: that of its modality."""

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Modality
from sensorium.model.embedding import Calibration, ModelInfo


def check_can_tag(model: ModelInfo) -> None:
    """Raise InvalidArgument, OPTION_UNSUPPORTED, when the model was calibrated for no modality."""
    if not model.calibrations:
        raise _unsupported(f"model {model.name!r} cannot tag: it was not calibrated (docs/tagging.md)", model, "model")


def calibration_of(content: Content, index: int, model: ModelInfo) -> Calibration | InvalidArgument:
    """Return the calibration for the content at `index`, or why there is none.

    A vector of several modalities is like neither's, so what was fitted to one alone says nothing of it.
    """
    modalities = {part.modality for part in content.parts}
    if len(modalities) != 1:
        told = " and ".join(sorted(modalities))
        return _unsupported(f"contents[{index}] holds {told}: tag each by itself", model, f"contents[{index}]")
    [modality] = modalities
    return model.calibration_of(modality) or _uncalibrated(modality, index, model)


def _uncalibrated(modality: Modality, index: int, model: ModelInfo) -> InvalidArgument:
    field = f"contents[{index}]"
    return _unsupported(f"{field}: model {model.name!r} was not calibrated to tag {modality}", model, field)


def _unsupported(message: str, model: ModelInfo, field: str) -> InvalidArgument:
    supported = ",".join(calibration.modality for calibration in model.calibrations)
    return InvalidArgument(
        message,
        reason=Reason.OPTION_UNSUPPORTED,
        field=field,
        metadata={"option": "tagging", "supported": supported},
    )
