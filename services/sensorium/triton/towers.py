"""The towers of a model card: for each modality a Triton model, what it takes, and its limits."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sensorium.model.content import Modality
from sensorium.triton.manifest import Count, RelativePath, Sha256
from sensorium.triton.toml_file import STRICT

Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_MEDIA_BYTES = 20 << 20
_PIXELS = 40_000_000


@dataclass(frozen=True, slots=True, config=STRICT)
class Vocabulary:
    """The vocabulary whose token ids clients may send in place of texts.

    Attributes:
        name: What clients know it by (`cl100k_base`).
        tokenizer: Its tokenizers file, relative to the card: ids are read back as text by it. Empty says that the
            vocabulary is the tower's own: ids are taken as they are.
        tokenizer_sha256: The hash of that file.
    """

    name: Text
    tokenizer: str = ""
    tokenizer_sha256: Sha256 | None = None

    def __post_init__(self) -> None:
        if bool(self.tokenizer) != (self.tokenizer_sha256 is not None):
            raise ValueError("tokenizer and tokenizer_sha256 go together")


@dataclass(frozen=True, slots=True, config=STRICT)
class SparseOutput:
    """What a text tower weighs tokens with, for sparse vectors; weights of 0 and less are left out.

    Attributes:
        output: The output tensor.
        of: `tokens`: float32 [batch, length], of which the largest of each token id counts, and special tokens do not
            (BGE-M3, https://arxiv.org/abs/2402.03216). `vocabulary`: float32 [batch, vocabulary], pooled in the graph
            (SPLADE, https://arxiv.org/abs/2107.05720).
    """

    output: Text
    of: Literal["tokens", "vocabulary"]


@dataclass(frozen=True, slots=True, config=STRICT)
class MultiOutput:
    """The vectors that a text tower gives of single tokens, for late interaction (https://arxiv.org/abs/2004.12832).

    Attributes:
        output: The output tensor, float32 [batch, length - first, dimension].
        dimension: Of each vector; a multiple of 8, so that binary ones can be made of it.
        first: Tokens at the start that the graph leaves out, such as [CLS].
    """

    output: Text
    dimension: Annotated[int, Field(ge=8, multiple_of=8)]
    first: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True, config=STRICT)
class TextTower:
    """Reads token ids: `input_ids` and `attention_mask`, int64 [batch, length].

    Attributes:
        model: The Triton model.
        output: Its output tensor, float32 [batch, dimension].
        tokenizer: The tokenizers file, relative to the card; its own truncation and padding do not count.
        max_token_count: Tokens of one text, special tokens included; the rest is cut.
        max_characters: Characters of one text; the rest is cut. None leaves it to the tokens.
        usage_weight: What one text counts in a call's usage.
        vocabulary: Whose token ids it takes in place of texts; None takes texts alone. Whoever sends the ids of another
            vocabulary gets vectors of other texts, so it is named only where clients are known to send these.
        sparse, multi: What it gives besides the dense vector, in the same pass.
    """

    model: RelativePath
    output: Text
    tokenizer: Text
    tokenizer_sha256: Sha256
    max_token_count: Count
    max_characters: Count | None = None
    usage_weight: Positive = 1.0
    vocabulary: Vocabulary | None = None
    sparse: SparseOutput | None = None
    multi: MultiOutput | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class ImageTower:
    """Reads pixels: uint8, RGB, [batch, 3, size, size] (NCHW) or [batch, size, size, 3] (NHWC), not normalised.

    Attributes:
        model: The Triton model; it normalises in its graph.
        size: The side of the square, in pixels.
        fit: How a picture becomes a square: its centre is taken (`crop`), or its sides are scaled apart (`squash`).
        resample: The filter that scales it, antialiased.
        max_bytes: Of the encoded file.
        max_pixels: Of the picture as it is encoded, width x height.
        usage_weight: What one image counts in a call's usage.
    """

    model: RelativePath
    size: Count
    input: Text = "image"
    output: Text = "embedding"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    fit: Literal["crop", "squash"] = "crop"
    resample: Literal["bicubic", "bilinear", "lanczos", "box"] = "bicubic"
    max_bytes: Count = _MEDIA_BYTES
    max_pixels: Count = _PIXELS
    usage_weight: Positive = 1.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one picture, as it reads it."""
        return (3, self.size, self.size) if self.layout == "NCHW" else (self.size, self.size, 3)


@dataclass(frozen=True, slots=True, config=STRICT)
class AudioTower:
    """Reads sound: float32 [batch, sample_rate x seconds], one channel, -1 to 1.

    Attributes:
        model: The Triton model; a spectrogram, where it needs one, is in its graph.
        sample_rate: In samples a second.
        seconds: How much of a clip it hears; the rest is cut.
        short: What follows a clip that is shorter: silence, or the clip again.
        max_bytes: Of the encoded file.
        usage_weight: What one clip counts in a call's usage.
    """

    model: RelativePath
    sample_rate: Annotated[int, Field(ge=1000, le=192_000)]
    seconds: Annotated[float, Field(gt=0, le=600)]
    input: Text = "waveform"
    output: Text = "embedding"
    short: Literal["silence", "repeat"] = "silence"
    max_bytes: Count = _MEDIA_BYTES
    usage_weight: Positive = 1.0

    @property
    def sample_count(self) -> int:
        """How many samples it takes."""
        return round(self.sample_rate * self.seconds)


@dataclass(frozen=True, slots=True, config=STRICT)
class JointTower:
    """Reads a text and an image together: what the text tower and the image tower of the card read.

    Attributes:
        model: The Triton model.
        input: Its input tensor for pixels, beside `input_ids` and `attention_mask`.
        output: Its output tensor, float32 [batch, dimension].
    """

    model: RelativePath
    input: Text = "image"
    output: Text = "embedding"


ModalityTower = TextTower | ImageTower | AudioTower
Tower = ModalityTower | JointTower


@dataclass(frozen=True, slots=True, config=STRICT)
class Towers:
    """One tower for each modality that a model takes, and where it can one for a text and an image together."""

    text: TextTower | None = None
    image: ImageTower | None = None
    audio: AudioTower | None = None
    joint: JointTower | None = None

    def __post_init__(self) -> None:
        if not self.by_modality():
            raise ValueError("a model needs one tower at least")
        if self.joint and not (self.text and self.image):
            raise ValueError("joint: needs a text tower and an image tower beside it")

    def all(self) -> tuple[Tower, ...]:
        """Return the towers that there are."""
        return (*self.by_modality().values(), *((self.joint,) if self.joint else ()))

    def by_modality(self) -> dict[Modality, ModalityTower]:
        """Return the towers for one modality each."""
        towers = {Modality.TEXT: self.text, Modality.IMAGE: self.image, Modality.AUDIO: self.audio}
        return {modality: tower for modality, tower in towers.items() if tower}
