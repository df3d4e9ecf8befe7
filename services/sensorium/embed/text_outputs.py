"""Reads what a text tower gives: a dense vector for each text, weights of its tokens, a vector for each token."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.embed.rows import check_shape, dense_outputs, not_finite
from sensorium.embed.served_model import MultiOutput, SparseOutput, TextTower
from sensorium.embed.tokenizer import TextTokenizer
from sensorium.embed.work import Outputs, Row
from sensorium.errors import Internal, SensoriumError
from sensorium.model.embedding import OutputKind
from sensorium.model.vector import SparseVector
from sensorium.ports import Tensor

Texts = Sequence[Sequence[int]]  # the token ids of each text of a batch


class OutputReader(Protocol):
    """Reads one output tensor."""

    @property
    def tensor(self) -> str:
        """Its name."""
        ...

    def read(self, values: Tensor, texts: Texts, length: int) -> Sequence[Outputs | SensoriumError]:
        """Return what it holds of each text, or Internal for one that is not finite.

        Args:
            values: float, the batch first.
            texts: What the tower read.
            length: What that was padded to.

        Raises:
            Internal: The tensor has another shape than it should have.
        """
        ...


class DenseReader:
    """Reads float [batch, dimension]."""

    def __init__(self, model: str, tensor: str, dimension: int) -> None:
        self._model, self.tensor, self._dimension = model, tensor, dimension

    def read(self, values: Tensor, texts: Texts, length: int) -> Sequence[Outputs | SensoriumError]:  # noqa: ARG002
        """Return the dense vector of each text; see `OutputReader`."""
        return dense_outputs(self._model, values, (len(texts), self._dimension))


class SparseReader:
    """Reads weights: float [batch, length], of the tokens, or float [batch, vocabulary]."""

    def __init__(self, model: str, output: SparseOutput, tokenizer: TextTokenizer) -> None:
        self._model, self._by_token, self._tokenizer = model, output.by_token, tokenizer
        self.tensor = output.tensor

    def read(self, values: Tensor, texts: Texts, length: int) -> Sequence[Outputs | SensoriumError]:
        """Return what weighs more than nothing in each text; see `OutputReader`."""
        if self._by_token:
            check_shape(self._model, values, (len(texts), length))
            rows = [row[: len(ids)] for row, ids in zip(values, texts, strict=True)]
        elif values.ndim == 2 and len(values) == len(texts):
            rows = list(values)
        else:
            raise Internal(f"model {self._model!r} gave {list(values.shape)} values, not [{len(texts)}, vocabulary]")
        return [self._outputs(row.astype(np.float32, copy=False), ids) for row, ids in zip(rows, texts, strict=True)]

    def _outputs(self, weights: Row, ids: Sequence[int]) -> Outputs | SensoriumError:
        if not np.isfinite(weights).all():
            return not_finite(self._model)
        known, largest = self._largest(weights, ids) if self._by_token else (np.arange(len(weights)), weights)
        kept = largest > 0
        indices = known[kept].astype(np.uint32)
        tokens = tuple(map(self._tokenizer.text_of, indices.tolist()))
        return Outputs(sparse=SparseVector(indices, largest[kept], tokens))

    def _largest(self, weights: Row, ids: Sequence[int]) -> tuple[NDArray[np.int64], Row]:
        """Return the ids, special ones aside, and the largest weight of each (BGE-M3, arXiv 2402.03216); 0 at least."""
        own = [place for place, each in enumerate(ids) if each not in self._tokenizer.special_ids]
        known, places = np.unique(np.asarray(ids, np.int64)[own], return_inverse=True)
        largest = np.zeros(len(known), np.float32)
        np.maximum.at(largest, places, weights[own])
        return known, largest


class MultiReader:
    """Reads float [batch, length, dimension], without those that the graph leaves out at the start."""

    def __init__(self, model: str, output: MultiOutput) -> None:
        self._model, self._first, self._dimension = model, output.first, output.dimension
        self.tensor = output.tensor

    def read(self, values: Tensor, texts: Texts, length: int) -> Sequence[Outputs | SensoriumError]:
        """Return the vectors of the tokens of each text; see `OutputReader`."""
        check_shape(self._model, values, (len(texts), length - self._first, self._dimension))
        vectors = [row[: len(ids) - self._first].astype(np.float32) for row, ids in zip(values, texts, strict=True)]
        return [Outputs(multi=each) if np.isfinite(each).all() else not_finite(self._model) for each in vectors]


def output_readers(tower: TextTower, dimension: int, tokenizer: TextTokenizer) -> Mapping[OutputKind, OutputReader]:
    """Return a reader for each kind of vector that a tower gives; dense ones have `dimension` components."""
    readers: dict[OutputKind, OutputReader] = {OutputKind.DENSE: DenseReader(tower.model, tower.output, dimension)}
    if tower.sparse:
        readers[OutputKind.SPARSE] = SparseReader(tower.model, tower.sparse, tokenizer)
    if tower.multi:
        readers[OutputKind.MULTI] = MultiReader(tower.model, tower.multi)
    return readers
