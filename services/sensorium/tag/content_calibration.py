"""Turns the similarities of a content and tags into scores, by the calibration of what the content is made of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Modality
from sensorium.model.embedding import ModelInfo, logistic
from sensorium.tag.content_vectors import ContentVectors
from sensorium.tag.embedding import Matrix
from sensorium.tag.tag_odds import TagOdds


@dataclass(frozen=True, slots=True)
class ContentCalibration:
    """How one content is scored.

    Attributes:
        parts: What is known of the tags for each part, by its modality.
        weights: How much each part counts, > 0.
    """

    parts: tuple[TagOdds, ...]
    weights: tuple[float, ...]

    @property
    def threshold(self) -> float:
        """The least score of an assigned tag where the definition says nothing: the parts' mean, by weight."""
        return float(np.average([each.threshold for each in self.parts], weights=self.weights))

    def scores(self, content: ContentVectors, tags: Matrix) -> NDArray[np.float64]:
        """Return the probability that each tag fits, shape [tags]; `tags` is [tags, dimension], of length 1.

        A vector of several modalities is like neither's, so no calibration is for it: the log-odds of the parts are
        averaged by weight instead (a logarithmic opinion pool). A part that has no vector alone says nothing.
        """
        if len(set(self.parts)) == 1 or not content.parts:
            return logistic(self.parts[0].log_odds(_similarities(tags, content.whole)))
        odds = [self.parts[place].log_odds(_similarities(tags, vector)) for place, vector in content.parts]
        return logistic(np.average(odds, axis=0, weights=[self.weights[place] for place, _ in content.parts]))


def check_can_tag(model: ModelInfo) -> None:
    """Raise InvalidArgument, OPTION_UNSUPPORTED, when the model was calibrated for no modality."""
    if not model.calibrations:
        raise _unsupported(f"model {model.name!r} cannot tag: it was not calibrated (docs/tagging.md)", model, "model")


def calibration_of(
    content: Content, index: int, model: ModelInfo, odds: Mapping[Modality, TagOdds]
) -> ContentCalibration | InvalidArgument:
    """Return how the content at `index` is scored, or that a part is of a modality without a calibration.

    Args:
        content: What is tagged.
        index: Its place in the request.
        model: Which tags.
        odds: What the model's calibrations say of the tags of the definition.
    """
    fitted = []
    for part in content.parts:
        known = odds.get(part.modality)
        if known is None:
            field = f"contents[{index}]"
            told = f"{field}: model {model.name!r} was not calibrated to tag {part.modality}"
            return _unsupported(told, model, field)
        fitted.append(known)
    return ContentCalibration(tuple(fitted), tuple(part.weight for part in content.parts))


def _similarities(tags: Matrix, vector: Matrix) -> NDArray[np.float64]:
    similarities: NDArray[np.float64] = np.clip(tags @ vector, -1, 1).astype(np.float64)
    return similarities


def _unsupported(message: str, model: ModelInfo, field: str) -> InvalidArgument:
    supported = ",".join(calibration.modality for calibration in model.calibrations)
    return InvalidArgument(
        message,
        reason=Reason.OPTION_UNSUPPORTED,
        field=field,
        metadata={"option": "tagging", "supported": supported},
    )
