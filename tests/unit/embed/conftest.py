"""What the embed tests share: an inference server in memory that can be held."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from sensorium.embed.served_model import ServedModel, TextTower
from sensorium.errors import SensoriumError
from sensorium.model.embedding import ModelInfo
from sensorium.ports import Tensor

ROOT = Path(__file__).resolve().parents[3]
TOKENIZER = ROOT / "model_repository" / "all-minilm-l6-v2" / "tokenizer.json"
DIMENSION = 16


class FakeServer:
    """Answers with vectors that depend on the token ids of each text alone; `hold` keeps it from answering.

    Attributes:
        shapes: The shape of each request so far.
        priorities: Triton's priority of each.
        errors: Raised by the next requests, one each.
        poison: A token id whose texts get a vector that is not finite.
    """

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.priorities: list[int] = []
        self.errors: list[SensoriumError | RuntimeError] = []
        self.poison = -1
        self.is_ready = True
        self.open = asyncio.Event()
        self.open.set()

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        self.shapes.append(ids.shape)
        self.priorities.append(priority)
        await self.open.wait()
        if self.errors:
            raise self.errors.pop(0)
        return {outputs[0]: np.stack([self.vector(row[kept == 1]) for row, kept in zip(ids, mask, strict=True)])}

    async def ready(self, model: str) -> bool:
        return self.is_ready

    def vector(self, ids: Sequence[int]) -> np.ndarray:
        values = np.random.default_rng([*map(int, ids)]).normal(size=DIMENSION).astype(np.float32)
        if self.poison in ids:
            values[3] = np.nan
        return values / np.linalg.norm(values)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def served() -> ServedModel:
    info = ModelInfo("tiny", "r1", "A fake.", DIMENSION, 32, "Apache-2.0", dimensions=(8,))
    return ServedModel(info, TextTower("tiny-tower", "vector", TOKENIZER))
