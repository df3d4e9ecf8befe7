"""Compares the vectors that a model serves with those of the publisher's implementation, where it is installed."""

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sensorium.errors import FailedPrecondition, Unavailable
from sensorium.ports import InferenceServer
from sensorium.triton.card import ModelCard, tokenizer_path
from sensorium.triton.towers import TextTower

PACKAGE = "sentence_transformers"
# Short and long, a name, digits, punctuation, what the vocabulary lacks, and more than the tokens that are read.
TEXTS = (
    "a red bicycle",
    "The quick brown fox jumps over the lazy dog.",
    "Zürich, 14:30 - 3.5 % more; isn't it?",
    "Don't panic!",
    "混合 text and emoji 🚲",
    "a sentence that goes on " * 80,
)


class Reference(Protocol):
    """Another implementation of a model of texts."""

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 [len(texts), dimension]."""
        ...


@dataclass(frozen=True, slots=True)
class Parity:
    """How near the vectors of TEXTS are to the reference's.

    Attributes:
        least_cosine, mean_cosine: Cosine similarity with the reference, -1 to 1, higher is nearer.
        largest_difference: Of any component, with both vectors scaled to length 1.
    """

    text_count: int
    least_cosine: float
    mean_cosine: float
    largest_difference: float


class SentenceTransformer:
    """The reference of models that `sentence-transformers` publishes or runs.

    Raises:
        FailedPrecondition: It is not installed.
        Unavailable: It cannot load the model, for example as no hub is reachable.
    """

    def __init__(self, source: str) -> None:
        if importlib.util.find_spec(PACKAGE) is None:
            raise FailedPrecondition(
                f"the reference, {source}, needs sentence-transformers, which is not installed in this environment: "
                "pip install sentence-transformers"
            )
        try:
            self._model = importlib.import_module(PACKAGE).SentenceTransformer(source, device="cpu")
        except Exception as error:  # whatever a foreign library raises
            raise Unavailable(f"the reference {source} cannot be loaded: {error}") from error

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 [len(texts), dimension]."""
        return np.asarray(self._model.encode(list(texts)), np.float32)


async def compare(server: InferenceServer, card: ModelCard, repository: Path, reference: Reference) -> Parity:
    """Return how near the vectors of the card's text tower are to the reference's."""
    if card.towers.text is None:
        raise FailedPrecondition(f"{card.name} takes no texts, which are all that is compared")
    wanted = _unit(reference.vectors(TEXTS))
    served = _unit(await _served(server, card.towers.text, tokenizer_path(repository, card, card.towers.text)))
    cosines = np.sum(served * wanted, axis=1)
    largest = float(np.abs(served - wanted).max())
    return Parity(len(TEXTS), float(cosines.min()), float(cosines.mean()), largest)


async def _served(server: InferenceServer, tower: TextTower, tokenizer_file: Path) -> NDArray[np.float32]:
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(tower.max_token_count)
    rows = []
    for text in TEXTS:
        ids = np.array([tokenizer.encode(text[: tower.max_characters]).ids], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        rows.append((await server.infer(tower.model, inputs, [tower.output]))[tower.output])
    return np.concatenate(rows)


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    unit: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return unit
