"""What the embed service must know of a model to serve it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sensorium.media.decoded import Decoder
from sensorium.model.content import Modality
from sensorium.model.embedding import EmbedRole, ModelInfo


@dataclass(frozen=True, slots=True)
class SparseOutput:
    """Weights that a text tower gives.

    Attributes:
        tensor: float32 [batch, length], of the tokens, or float32 [batch, vocabulary].
        by_token: Whether they are of the tokens.
    """

    tensor: str
    by_token: bool


@dataclass(frozen=True, slots=True)
class MultiOutput:
    """Vectors that a text tower gives of the tokens, for late interaction.

    Attributes:
        tensor: float32 [batch, length - first, dimension].
        dimension: Of each.
        first: The token whose vector comes first; those before it have none.
    """

    tensor: str
    dimension: int
    first: int = 0


@dataclass(frozen=True, slots=True)
class TextTower:
    """The model of the inference server that reads token ids and gives one dense vector for each text.

    Attributes:
        model: Its name there.
        output: Its output tensor, float32 [batch, dimension].
        tokenizer: The file of its tokenizer (tokenizer.json); the file's own truncation and padding do not count.
        max_batch_size: The most texts that one inference request may hold.
        lengths: Sequence lengths to pad to, ascending, for devices that want few shapes (GPU). Empty pads to the
            longest text of a batch: on CPU cost grows with each token, and shapes cost nothing.
        max_characters: Characters of one text; None leaves it to the tokens.
        vocabulary: The tokenizer whose token ids callers may send in place of texts: its own, or another that loses
            nothing of a text. None takes texts alone.
        sparse, multi: What it gives besides.
    """

    model: str
    output: str
    tokenizer: Path
    max_batch_size: int = 64
    lengths: tuple[int, ...] = ()
    max_characters: int | None = None
    vocabulary: Path | None = None
    sparse: SparseOutput | None = None
    multi: MultiOutput | None = None


@dataclass(frozen=True, slots=True)
class MediaTower:
    """The model that reads images or sounds and gives one dense vector for each.

    Attributes:
        model: Its name on the inference server.
        input: Its input tensor: a batch of what the decoder makes.
        output: Its output tensor, float32 [batch, dimension].
        decoder: Makes one row of its input of an encoded file.
        max_batch_size: The most images or clips that one inference request may hold.
    """

    model: str
    input: str
    output: str
    decoder: Decoder
    max_batch_size: int = 64


@dataclass(frozen=True, slots=True)
class JointTower:
    """The model that reads a text and an image together and gives one dense vector for both.

    Attributes:
        model: Its name on the inference server. It reads what the towers for texts and for images read.
        input: Its input tensor for pixels.
        output: Its output tensor, float32 [batch, dimension].
        max_batch_size: The most pairs that one inference request may hold.
    """

    model: str
    input: str
    output: str
    max_batch_size: int = 64


@dataclass(frozen=True, slots=True)
class ServedModel:
    """An embedding model: what clients see of it, its towers, and how it is used.

    Attributes:
        text: The tower of its texts; None for a model that takes none.
        media: The towers of its images and sounds.
        joint: What reads a text and an image together; a model that has it has a tower for each as well.
        prompts: What is put before a text, by role.
        instruction: What takes the place of the query prompt when there is an instruction, with `{instruction}` in it.
        usage_weights: What one part of a modality counts in a call's usage; 1 where it says nothing.
    """

    info: ModelInfo
    text: TextTower | None = None
    prompts: Mapping[EmbedRole, str] = field(default_factory=dict)
    media: Mapping[Modality, MediaTower] = field(default_factory=dict)
    instruction: str = ""
    usage_weights: Mapping[Modality, float] = field(default_factory=dict)
    joint: JointTower | None = None

    @property
    def towers(self) -> tuple[str, ...]:
        """The names of its towers on the inference server."""
        each = (self.text, *self.media.values(), self.joint)
        return tuple(tower.model for tower in each if tower)

    def prompt(self, role: EmbedRole | None, instruction: str) -> str:
        """Return what is put before a text: an instruction says what a query is for, documents take none."""
        if instruction and role is not EmbedRole.DOCUMENT:
            return self.instruction.replace("{instruction}", instruction)
        return self.prompts.get(role, "") if role else ""
