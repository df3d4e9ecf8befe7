"""How likely the tags of a definition fit contents of one modality, by what the model's calibration knows of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sensorium.model.content import Modality
from sensorium.model.embedding import Calibration, ModelInfo, known_name
from sensorium.model.tagging import TagDefinitionSpec, TagSpec


@dataclass(frozen=True, slots=True, eq=False)
class TagOdds:
    """A calibration for the tags of one definition.

    Attributes:
        slope: The calibration's.
        intercepts: float64 [tags]: each tag's own where the calibration knows its name, else the calibration's.
        threshold: The least score of an assigned tag where the definition says nothing.
    """

    slope: float
    intercepts: NDArray[np.float64]
    threshold: float

    @classmethod
    def of(cls, calibration: Calibration, spec: TagDefinitionSpec) -> Self:
        """Return what a calibration says of the tags of a definition."""
        intercepts = np.array([_intercept(calibration, tag) for tag in spec.tags], np.float64)
        return cls(calibration.slope, intercepts, calibration.threshold)

    def log_odds(self, similarities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the odds that each tag fits, for its cosine similarity; both of shape [tags]."""
        odds: NDArray[np.float64] = self.slope * similarities + self.intercepts
        return odds


def odds_by_modality(model: ModelInfo, spec: TagDefinitionSpec) -> Mapping[Modality, TagOdds]:
    """Return what each calibration of a model says of the tags of a definition."""
    return {each.modality: TagOdds.of(each, spec) for each in model.calibrations}


def _intercept(calibration: Calibration, tag: TagSpec) -> float:
    # A description moves the tag's vector, so that what is known of the name alone does not hold.
    if not calibration.tag_intercepts or tag.description.strip():
        return calibration.intercept
    return calibration.tag_intercepts.get(known_name(tag.tag), calibration.intercept)
