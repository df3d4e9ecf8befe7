"""Model cards: what clients see of an embedding model, and the Triton model that computes it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sensorium.errors import FailedPrecondition, NotFound, Reason
from sensorium.model import embedding
from sensorium.model.content import Modality
from sensorium.model.embedding import EmbedRole, ModelInfo, ModelState
from sensorium.model.vector import Metric
from sensorium.triton.manifest import Count, RelativePath, Sha256
from sensorium.triton.toml_file import STRICT, read_toml

Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True, config=STRICT)
class Provenance:
    """Where the weights come from: the publisher's name for them, the package, and the file's hash."""

    source: Text
    package: Text
    weights_sha256: Sha256


@dataclass(frozen=True, slots=True, config=STRICT)
class Prompts:
    """What is put before a text, by role; empty for models that know no roles."""

    query: str = ""
    document: str = ""

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
class Tower:
    """The Triton model for one modality.

    Attributes:
        output: Its output tensor, float32 [batch, dimension].
        tokenizer: The tokenizers file, relative to the card; its own truncation and padding do not count.
    """

    modality: Modality
    model: RelativePath
    output: Text
    tokenizer: Text
    tokenizer_sha256: Sha256


@dataclass(frozen=True, slots=True, config=STRICT)
class Calibration:
    """How similarities become the scores of tags; fitted by tools/calibrate (docs/tagging.md)."""

    slope: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    intercept: Annotated[float, Field(allow_inf_nan=False)]

    def parameters(self) -> embedding.Calibration:
        """Return what clients see."""
        return embedding.Calibration(self.slope, self.intercept)


@dataclass(frozen=True, slots=True, config=STRICT)
class ModelCard:
    """An embedding model.

    Attributes:
        name: What clients call it.
        revision: Changes whenever its vectors do; a collection is bound to one.
        max_token_count: Tokens of one text, special tokens included; the rest is cut.
        normalized: Whether vectors have length 1.
        precision: What it computes in.
        calibration: Without one, the model cannot tag.
    """

    name: RelativePath
    revision: Text
    description: Text
    languages: Annotated[tuple[Text, ...], Field(min_length=1)]
    license: Text
    dimension: Count
    max_token_count: Count
    normalized: bool
    metric: Metric
    precision: Literal["float32", "float16", "bfloat16", "int8"]
    provenance: Provenance
    prompts: Prompts
    tower: Tower
    calibration: Calibration | None = None

    def info(self, state: ModelState) -> ModelInfo:
        """Return what clients see."""
        return ModelInfo(
            name=self.name,
            revision=self.revision,
            description=self.description,
            dimension=self.dimension,
            max_token_count=self.max_token_count,
            license=self.license,
            modalities=(self.tower.modality,),
            languages=self.languages,
            metric=self.metric,
            normalized=self.normalized,
            roles_supported=self.prompts != Prompts(),
            state=state,
            calibration=self.calibration.parameters() if self.calibration else None,
        )


def read_card(repository: Path, model: str) -> ModelCard:
    """Return the card of an embedding model.

    Raises:
        NotFound: The repository has no such model.
        FailedPrecondition: The card is wrong; the message names the file and the field.
    """
    path = repository / model / "card.toml"
    if not path.is_file():
        raise NotFound(f"model {model!r}: there is no {path}", reason=Reason.MODEL_NOT_FOUND)
    card = read_toml(path, ModelCard)
    if card.name != model:
        raise FailedPrecondition(f"{path}: name: must be that of its folder, {model}", field="name")
    if not tokenizer_path(repository, card).is_file():
        raise FailedPrecondition(
            f"{path}: tower.tokenizer: there is no {card.tower.tokenizer}", field="tower.tokenizer"
        )
    return card


def tokenizer_path(repository: Path, card: ModelCard) -> Path:
    """Return where a card's tokenizer lies."""
    return repository / card.name / card.tower.tokenizer
