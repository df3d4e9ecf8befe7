"""Served vectors are compared with a reference that is installed, and the lack of one is said plainly."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from sensorium.errors import FailedPrecondition, Unavailable
from sensorium.ports import Tensor
from sensorium.triton.card import ModelCard, read_card
from sensorium.triton.parity import PACKAGE, TEXTS, SentenceTransformer, compare

REPOSITORY = Path(__file__).parents[3] / "model_repository"


@pytest.fixture
def card() -> ModelCard:
    return read_card(REPOSITORY, "all-minilm-l6-v2")


class Lengths:
    """An inference server whose vectors point by the number of tokens."""

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        return {outputs[0]: np.array([[3.0, inputs["input_ids"].shape[1]]], np.float32)}

    async def ready(self, model: str) -> bool:
        return True


class Turned:
    """A reference whose vectors are longer, and turned from the first text's by an angle."""

    def __init__(self, radians: float, token_counts: Sequence[int]) -> None:
        self._radians, self._counts = radians, token_counts

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        angles = np.arctan2(self._counts, 3.0)
        angles[0] += self._radians
        return (7 * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)


class Counting(Lengths):
    """Notes how many tokens each text has."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        self.counts.append(inputs["input_ids"].shape[1])
        return await super().infer(model, inputs, outputs)


@pytest.fixture
async def counts(card: ModelCard) -> list[int]:
    server = Counting()
    await compare(server, card, REPOSITORY, Turned(0, [1] * len(TEXTS)))
    return server.counts


def test_the_longest_text_is_cut_at_the_models_limit(counts: list[int], card: ModelCard) -> None:
    assert card.towers.text
    assert max(counts) == card.towers.text.max_token_count


@pytest.mark.parametrize("radians", [0.0, 0.1, np.pi])
async def test_parity_is_the_cosine_with_the_reference(card: ModelCard, counts: list[int], radians: float) -> None:
    found = await compare(Lengths(), card, REPOSITORY, Turned(radians, counts))
    assert found.least_cosine == pytest.approx(np.cos(radians), abs=1e-6)
    assert found.mean_cosine == pytest.approx(1 - (1 - np.cos(radians)) / len(TEXTS), abs=1e-6)
    assert (found.largest_difference < 1e-6) == (radians == 0)


def test_a_missing_reference_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FailedPrecondition, match="pip install sentence-transformers"):
        SentenceTransformer("org/model")


class StandIn:
    """In the place of the reference's class."""

    def __init__(self, source: str, device: str) -> None:
        if source != "org/model":
            raise OSError("no hub")

    def encode(self, texts: list[str]) -> list[list[float]]:
        return [[len(text), 1.0] for text in texts]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(PACKAGE)
    module.SentenceTransformer = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, PACKAGE, module)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


@pytest.mark.usefixtures("installed")
def test_an_installed_reference_is_asked() -> None:
    assert SentenceTransformer("org/model").vectors(["ab"]).tolist() == [[2.0, 1.0]]


@pytest.mark.usefixtures("installed")
def test_a_reference_that_does_not_load_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="org/other cannot be loaded: no hub"):
        SentenceTransformer("org/other")
