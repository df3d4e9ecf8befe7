"""A model of three towers in memory, whose vectors depend on what each tower reads and on nothing else."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from zlib import crc32

import numpy as np

from sensorium.embed.served_model import JointTower, MediaTower, MultiOutput, ServedModel, SparseOutput, TextTower
from sensorium.errors import SensoriumError
from sensorium.media.audio import AudioDecoder
from sensorium.media.image import ImageDecoder
from sensorium.model.content import Modality
from sensorium.model.embedding import Fusion, ModelInfo, OutputKind
from sensorium.ports import Tensor

TOKENIZER = Path(__file__).resolve().parents[2] / "model_repository" / "all-minilm-l6-v2" / "tokenizer.json"
DIMENSION, RATE, SECONDS, SIZE = 16, 8_000, 0.5, 8
IMAGES, SOUNDS = ImageDecoder(SIZE, max_bytes=20_000, max_pixels=10_000), AudioDecoder(RATE, 4_000, max_bytes=100_000)
INFO = ModelInfo(
    "three",
    "r1",
    "Three towers in memory.",
    DIMENSION,
    32,
    "Apache-2.0",
    modalities=(Modality.TEXT, Modality.IMAGE, Modality.AUDIO),
    dimensions=(8,),
    fusions=(Fusion.AVERAGE,),
    instruction_supported=True,
)
THREE = ServedModel(
    INFO,
    TextTower("text", "vector", TOKENIZER, max_characters=70),
    media={
        Modality.IMAGE: MediaTower("image", "image", "embedding", IMAGES),
        Modality.AUDIO: MediaTower("audio", "waveform", "embedding", SOUNDS),
    },
    instruction="Find {instruction}: ",
    usage_weights={Modality.AUDIO: 2.0},
)

# Reads a text and an image together, and gives weights and vectors of tokens besides.
WHOLE = ServedModel(
    replace(
        INFO,
        name="whole",
        modalities=(Modality.TEXT, Modality.IMAGE),
        outputs=(OutputKind.DENSE, OutputKind.SPARSE, OutputKind.MULTI),
        fusions=(Fusion.JOINT, Fusion.AVERAGE),
    ),
    TextTower("text", "vector", TOKENIZER, sparse=SparseOutput("weights", True), multi=MultiOutput("tokens", 8)),
    media={Modality.IMAGE: MediaTower("image", "image", "embedding", IMAGES)},
    joint=JointTower("joint", "image", "embedding", max_batch_size=8),
)


@dataclass
class TowersInMemory:
    """Satisfies `InferenceServer`.

    Attributes:
        errors: Raised by the towers that they are named for.
        rows: How many rows each tower was asked for.
        largest: The largest batch of each tower.
        asked: Set when a tower was asked.
        held: A batch waits until it is set.
    """

    errors: dict[str, SensoriumError] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    largest: Counter[str] = field(default_factory=Counter)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.held.set()

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        self.asked.set()
        await self.held.wait()
        if model in self.errors:
            raise self.errors[model]
        rows = _rows(inputs)
        self.rows[model] += len(rows)
        self.largest[model] = max(self.largest[model], len(rows))
        of_tokens = {"weights": weights_of, "tokens": token_vectors_of}
        return {
            name: of_tokens[name](inputs["input_ids"]) if name in of_tokens else np.stack(list(map(vector_of, rows)))
            for name in outputs
        }

    async def ready(self, model: str) -> bool:
        return model not in self.errors


def vector_of(row: np.ndarray) -> np.ndarray:
    """Return the vector that a tower gives for what it reads, float32 of length 1."""
    values = np.random.default_rng(crc32(row.tobytes())).normal(size=DIMENSION).astype(np.float32)
    return values / np.linalg.norm(values)


def weights_of(ids: np.ndarray) -> np.ndarray:
    """Return what the tower for texts weighs each token with, of the shape of `ids`: nothing if its number is odd."""
    return np.where(ids % 2, 0, ids / 65_536).astype(np.float32)


def token_vectors_of(ids: np.ndarray) -> np.ndarray:
    """Return the vector that the tower for texts gives each token, float32 [*ids, 8]: the bits of its number."""
    return ((ids[..., None] >> np.arange(8)) & 1).astype(np.float32)


def joint_row(ids: Sequence[int], pixels: np.ndarray) -> np.ndarray:
    """Return what the joint tower reads of a text and an image."""
    return np.concatenate((np.asarray(ids, np.int64), pixels.ravel().astype(np.int64)))


def _rows(inputs: Mapping[str, Tensor]) -> list[np.ndarray]:
    if "input_ids" not in inputs:
        (tensor,) = inputs.values()
        return list(tensor)
    texts = [ids[mask == 1] for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)]
    return list(map(joint_row, texts, inputs["image"])) if "image" in inputs else texts
