"""A call to an embedding model, and what comes of it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import SensoriumError
from sensorium.model.content import Content, Modality
from sensorium.model.vector import DType, Metric, MultiVector, SparseVector, Vector


class EmbedRole(StrEnum):
    """What a content is for, for models that tell."""

    QUERY = "query"
    DOCUMENT = "document"


class OutputKind(StrEnum):
    """What kind of vector a model gives."""

    DENSE = "dense"
    SPARSE = "sparse"
    MULTI = "multi"


class Fusion(StrEnum):
    """How several parts become one vector."""

    JOINT = "joint"
    AVERAGE = "average"


class Truncation(StrEnum):
    """What happens to a part that is longer than the model takes."""

    END = "end"
    REFUSE = "refuse"


class Priority(StrEnum):
    """Which lane a call waits in."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """How contents become vectors; None and 0 leave the choice to the model."""

    role: EmbedRole | None = None
    instruction: str = ""
    outputs: tuple[OutputKind, ...] = (OutputKind.DENSE,)
    dimension: int = 0
    dtype: DType = DType.FLOAT32
    truncation: Truncation = Truncation.END
    fusion: Fusion | None = None


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """A batch of contents for one model; an empty `model` means the server's default."""

    contents: tuple[Content, ...]
    model: str = ""
    options: EmbedOptions = EmbedOptions()
    priority: Priority = Priority.INTERACTIVE
    workspace: str = "default"


@dataclass(frozen=True, slots=True)
class Embedding:
    """What a model made of one content: the outputs that were asked for.

    Attributes:
        truncated: Whether a part was cut.
        token_count: Tokens that the model saw, special tokens included.
    """

    dense: Vector | None = None
    sparse: SparseVector | None = None
    multi: MultiVector | None = None
    truncated: bool = False
    token_count: int = 0


@dataclass(frozen=True, slots=True)
class ModalityUsage:
    """The consumption of one modality: `measure` in the model card's unit, and the card's weight."""

    modality: Modality
    measure: float
    weight: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call consumed."""

    token_count: int = 0
    modalities: tuple[ModalityUsage, ...] = ()

    @property
    def total(self) -> float:
        """The sum over modalities of measure x weight."""
        return sum(each.measure * each.weight for each in self.modalities)

    @classmethod
    def joined(cls, usages: Iterable[Self]) -> Self:
        """Return the sum of what several calls consumed, with one entry for each modality and weight."""
        tokens = 0
        measures: defaultdict[tuple[Modality, float], float] = defaultdict(float)
        for usage in usages:
            tokens += usage.token_count
            for each in usage.modalities:
                measures[each.modality, each.weight] += each.measure
        modalities = (ModalityUsage(modality, measure, weight) for (modality, weight), measure in measures.items())
        return cls(tokens, tuple(modalities))


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of a call went, in milliseconds."""

    queue_ms: float = 0.0
    preprocess_ms: float = 0.0
    inference_ms: float = 0.0
    search_ms: float = 0.0
    total_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class EmbedResponse:
    """One result or error for each content, in order."""

    model: str
    model_revision: str
    results: tuple[Embedding | SensoriumError, ...]
    usage: Usage = Usage()
    timings: Timings = Timings()


class ModelState(StrEnum):
    """Whether a model can be called."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


DEFAULT_THRESHOLD = 0.5


def known_name(tag: str) -> str:
    """Return a tag's name as calibrations know it: in lower case, with single spaces."""
    return " ".join(tag.split()).casefold()


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns the cosine similarity of a tag and a content of one modality into the probability that the tag fits.

    It is logistic(slope x similarity + intercept): J. Platt, Probabilistic Outputs for Support Vector Machines, 1999.

    Attributes:
        threshold: The least score of an assigned tag where a definition says nothing, 0 to 1.
        tag_intercepts: What takes the place of `intercept` for tags that validation data knew, by `known_name`.
    """

    slope: float
    intercept: float
    modality: Modality = Modality.TEXT
    threshold: float = DEFAULT_THRESHOLD
    tag_intercepts: Mapping[str, float] = field(default_factory=dict, hash=False)

    def probability(self, similarity: float) -> float:
        """Return the probability, 0 to 1, for one cosine similarity."""
        fitted = self.slope * similarity + self.intercept
        # Of the two forms of the logistic function the one that cannot overflow.
        return 1 / (1 + math.exp(-fitted)) if fitted >= 0 else math.exp(fitted) / (1 + math.exp(fitted))

    def probabilities(self, similarities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability, 0 to 1, for each cosine similarity; any shape."""
        return logistic(self.log_odds(similarities))

    def log_odds(self, similarities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the odds that the tag fits for each cosine similarity; any shape."""
        return self.slope * similarities + self.intercept


def logistic(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities, computed so that nothing overflows."""
    chances: NDArray[np.float64] = np.exp(-np.logaddexp(0, -log_odds))
    return chances


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """An embedding model as clients see it (embed_service.proto: Model).

    Attributes:
        calibrations: One at most for each modality; a model without any cannot tag.
        vocabulary: Whose token ids it takes in place of texts; empty takes none.
    """

    name: str
    revision: str
    description: str
    dimension: int
    max_token_count: int
    license: str
    modalities: tuple[Modality, ...] = (Modality.TEXT,)
    languages: tuple[str, ...] = ("en",)
    outputs: tuple[OutputKind, ...] = (OutputKind.DENSE,)
    dimensions: tuple[int, ...] = ()
    metric: Metric = Metric.COSINE
    normalized: bool = True
    fusions: tuple[Fusion, ...] = ()
    roles_supported: bool = False
    instruction_supported: bool = False
    state: ModelState = ModelState.LOADING
    calibrations: tuple[Calibration, ...] = ()
    vocabulary: str = ""

    def calibration_of(self, modality: Modality) -> Calibration | None:
        """Return the calibration for contents of a modality, if there is one."""
        return next((each for each in self.calibrations if each.modality is modality), None)
