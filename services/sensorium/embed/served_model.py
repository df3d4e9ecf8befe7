"""What the embed service must know of a model to serve it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sensorium.model.embedding import EmbedRole, ModelInfo


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
    """

    model: str
    output: str
    tokenizer: Path
    max_batch_size: int = 64
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ServedModel:
    """An embedding model: what clients see of it, its tower, and what is put before a text by role."""

    info: ModelInfo
    tower: TextTower
    prompts: Mapping[EmbedRole, str] = field(default_factory=dict)
