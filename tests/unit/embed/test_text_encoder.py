"""A batch of token ids becomes one inference request, and what comes back is looked at."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from sensorium.embed.served_model import TextTower
from sensorium.embed.text_encoder import TextEncoder
from sensorium.errors import Internal
from sensorium.model.embedding import Priority
from sensorium.ports import Tensor

PAD = 9


class Answering:
    """Answers every request with `vectors`, and notes what it was asked."""

    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors
        self.inputs: Mapping[str, Tensor] = {}
        self.priority = 0

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        self.inputs, self.priority = inputs, priority
        return {outputs[0]: self.vectors}

    async def ready(self, model: str) -> bool:
        return True


def encoder(server: Answering) -> TextEncoder:
    return TextEncoder(server, TextTower("tower", "vector", Path("tokenizer.json")), dimension=2, pad_id=PAD)


async def test_texts_are_padded_and_the_padding_is_masked() -> None:
    server = Answering(np.ones((2, 2), np.float32))
    await encoder(server)([[1, 2, 3], [4]], 4, Priority.BULK)
    assert server.inputs["input_ids"].tolist() == [[1, 2, 3, PAD], [4, PAD, PAD, PAD]]
    assert server.inputs["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert {tensor.dtype for tensor in server.inputs.values()} == {np.dtype(np.int64)}


@pytest.mark.parametrize(("priority", "number"), [(Priority.INTERACTIVE, 1), (Priority.BULK, 2)])
async def test_the_lane_is_passed_on(priority: Priority, number: int) -> None:
    server = Answering(np.ones((1, 2), np.float32))
    await encoder(server)([[1]], 1, priority)
    assert server.priority == number


async def test_only_the_vector_that_is_not_finite_becomes_an_error() -> None:
    server = Answering(np.array([[1, 0], [np.inf, 0], [0, 1]], np.float32))
    first, bad, last = await encoder(server)([[1]] * 3, 1, Priority.BULK)
    assert isinstance(bad, Internal)
    assert (first.tolist(), last.tolist()) == ([1, 0], [0, 1])


@pytest.mark.parametrize("shape", [(1, 2), (2, 3), (2,)])
async def test_a_wrong_shape_is_an_error_of_the_whole_batch(shape: tuple[int, ...]) -> None:
    with pytest.raises(Internal):
        await encoder(Answering(np.ones(shape, np.float32)))([[1], [2]], 1, Priority.BULK)
