"""What a card says of a model that this project has trained: from what, how, how well, and what it is not for."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from sensorium.triton.toml_file import STRICT

Text = Annotated[str, Field(min_length=1)]
Figure = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, config=STRICT)
class TrainingData:
    """One set of data that weights were trained on, its licence, and what it was used for."""

    name: Text
    license: Text
    use: Text


@dataclass(frozen=True, slots=True, config=STRICT)
class TrainingRecord:
    """How the weights were made.

    Attributes:
        recipe: In a few sentences.
        configuration: The fingerprints of the configurations, by tower: what the checkpoints are bound to.
        progress: How far each tower's run had come, by tower.
        not_for: What the model must not be used for, or serves badly.
        figures: What validation measured, by name (docs/training.md).
    """

    recipe: Text
    seed: Annotated[int, Field(ge=0)]
    configuration: dict[str, Text]
    progress: dict[str, Text]
    not_for: Text
    data: Annotated[tuple[TrainingData, ...], Field(min_length=1)]
    figures: dict[str, Figure]
