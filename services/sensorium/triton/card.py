"""Model cards: what clients see of an embedding model, and the Triton models that compute it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sensorium.errors import FailedPrecondition, NotFound, Reason
from sensorium.model import embedding
from sensorium.model.content import Modality
from sensorium.model.embedding import (
    DEFAULT_THRESHOLD,
    EmbedRole,
    Fusion,
    ModelInfo,
    ModelState,
    OutputKind,
    known_name,
)
from sensorium.model.vector import Metric
from sensorium.triton.manifest import Count, RelativePath, Sha256
from sensorium.triton.toml_file import STRICT, read_toml
from sensorium.triton.towers import Text, TextTower, Towers
from sensorium.triton.training_record import TrainingRecord

Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, config=STRICT)
class Provenance:
    """Where the weights come from: the publisher's name for them, the package, and the file's hash.

    Attributes:
        reference: The name by which sentence-transformers loads the publisher's own model; empty where there is none.
    """

    source: Text
    package: Text
    weights_sha256: Sha256
    reference: str = ""


@dataclass(frozen=True, slots=True, config=STRICT)
class Prompts:
    """What is put before a text, by role; empty for models that know no roles.

    Attributes:
        instruction: What takes the place of `query` when the caller says what the search is for; it holds
            `{instruction}` once. Empty for models that follow none.
    """

    query: str = ""
    document: str = ""
    instruction: str = ""

    def __post_init__(self) -> None:
        if self.instruction and self.instruction.count("{instruction}") != 1:
            raise ValueError("instruction must hold {instruction} once")

    def for_role(self, role: EmbedRole | None) -> str:
        """Return the prompt; a text without a role gets none."""
        match role:
            case EmbedRole.QUERY:
                return self.query
            case EmbedRole.DOCUMENT:
                return self.document
            case None:
                return ""


@dataclass(frozen=True, slots=True, config=STRICT)
class Calibration:
    """How the similarities of one modality become the scores of tags (docs/tagging.md).

    Attributes:
        threshold: The least score of an assigned tag where a definition says nothing.
        tags: The intercepts of tags that validation data knew, by name.
    """

    slope: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    intercept: Finite
    threshold: Annotated[float, Field(ge=0, le=1)] = DEFAULT_THRESHOLD
    tags: dict[str, Finite] = Field(default_factory=dict)

    def of(self, modality: Modality) -> embedding.Calibration:
        """Return it as clients see it."""
        tags = {known_name(tag): intercept for tag, intercept in self.tags.items()}
        return embedding.Calibration(self.slope, self.intercept, modality, self.threshold, tags)


@dataclass(frozen=True, slots=True, config=STRICT)
class Calibrations:
    """The calibration of each modality that the model can tag."""

    text: Calibration | None = None
    image: Calibration | None = None
    audio: Calibration | None = None

    def by_modality(self) -> dict[Modality, Calibration]:
        """Return those that there are."""
        each = {Modality.TEXT: self.text, Modality.IMAGE: self.image, Modality.AUDIO: self.audio}
        return {modality: calibration for modality, calibration in each.items() if calibration}


@dataclass(frozen=True, slots=True, config=STRICT)
class ModelCard:
    """An embedding model.

    Attributes:
        name: What clients call it.
        revision: Changes whenever its vectors do; a collection is bound to one.
        normalized: Whether vectors have length 1.
        precision: What it computes in.
        towers: The Triton models, one for each modality that it takes.
        dimensions: Smaller dimensions that it was trained for (Matryoshka).
        fusions: How several parts of one content become one vector; empty when it takes one part alone. With a joint
            tower, `joint` is among them.
        calibration: A modality without one cannot be tagged.
        training: For models that this project has trained.
    """

    name: RelativePath
    revision: Text
    description: Text
    languages: Annotated[tuple[Text, ...], Field(min_length=1)]
    license: Text
    dimension: Count
    normalized: bool
    metric: Metric
    precision: Literal["float32", "float16", "bfloat16", "int8"]
    provenance: Provenance
    towers: Towers
    prompts: Prompts = Prompts()
    dimensions: tuple[Count, ...] = ()
    fusions: tuple[Fusion, ...] = (Fusion.AVERAGE,)
    calibration: Calibrations = Calibrations()
    training: TrainingRecord | None = None

    def __post_init__(self) -> None:
        if (Fusion.JOINT in self.fusions) != (self.towers.joint is not None):
            raise ValueError("fusions: joint goes together with a tower [towers.joint]")
        if any(dimension >= self.dimension for dimension in self.dimensions):
            raise ValueError("dimensions must be smaller than dimension")
        if unread := self.calibration.by_modality().keys() - self.towers.by_modality().keys():
            raise ValueError(f"calibration: there is no tower for {', '.join(sorted(unread))}")

    def info(self, state: ModelState) -> ModelInfo:
        """Return what clients see."""
        return ModelInfo(
            name=self.name,
            revision=self.revision,
            description=self.description,
            dimension=self.dimension,
            max_token_count=self.towers.text.max_token_count if self.towers.text else 0,
            license=self.license,
            modalities=tuple(self.towers.by_modality()),
            languages=self.languages,
            outputs=self._outputs(),
            dimensions=self.dimensions,
            metric=self.metric,
            normalized=self.normalized,
            fusions=self.fusions,
            roles_supported=bool(self.prompts.query or self.prompts.document),
            instruction_supported=bool(self.prompts.instruction),
            state=state,
            calibrations=tuple(fitted.of(modality) for modality, fitted in self.calibration.by_modality().items()),
            vocabulary=text.vocabulary.name if (text := self.towers.text) and text.vocabulary else "",
        )

    def _outputs(self) -> tuple[OutputKind, ...]:
        text = self.towers.text
        sparse = (OutputKind.SPARSE,) if text and text.sparse else ()
        multi = (OutputKind.MULTI,) if text and text.multi else ()
        return (OutputKind.DENSE, *sparse, *multi)


def read_card(repository: Path, model: str) -> ModelCard:
    """Return the card of an embedding model.

    Raises:
        NotFound: The repository has no such model.
        FailedPrecondition: The card is wrong, or its tokenizer missing; the message names the file and the field.
    """
    path = repository / model / "card.toml"
    if not path.is_file():
        raise no_model(repository, model, "card.toml")
    card = read_toml(path, ModelCard)
    if card.name != model:
        raise FailedPrecondition(f"{path}: name: must be that of its folder, {model}", field="name")
    text = card.towers.text
    if text and not tokenizer_path(repository, card, text).is_file():
        field = "towers.text.tokenizer"
        raise FailedPrecondition(f"{path}: {field}: there is no {text.tokenizer}: check it out again", field=field)
    if text and not (vocabulary_path(repository, card, text) or path).is_file():
        field = "towers.text.vocabulary.tokenizer"
        raise FailedPrecondition(f"{path}: {field}: there is no such file: check it out again", field=field)
    return card


def vocabulary_path(repository: Path, card: ModelCard, tower: TextTower) -> Path | None:
    """Return where the tokenizer lies whose ids clients may send; None when they may send none."""
    if tower.vocabulary is None:
        return None
    return repository / card.name / (tower.vocabulary.tokenizer or tower.tokenizer)


def no_model(repository: Path, model: str, file: str) -> NotFound:
    """Return the error for a model that the repository lacks; it names those that there are."""
    there = ", ".join(sorted(path.parent.name for path in repository.glob("*/card.toml"))) or "none"
    return NotFound(
        f"model {model!r}: there is no {repository / model / file}; there are: {there}", reason=Reason.MODEL_NOT_FOUND
    )


def tokenizer_path(repository: Path, card: ModelCard, tower: TextTower) -> Path:
    """Return where the tokenizer of a card's text tower lies."""
    return repository / card.name / tower.tokenizer
