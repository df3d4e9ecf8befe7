"""A batch of token ids becomes one inference request, and what comes back is looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.embed.served_model import MultiOutput, SparseOutput, TextTower
from sensorium.embed.text_encoder import TextEncoder, TextInput
from sensorium.embed.text_outputs import SparseReader
from sensorium.errors import Internal
from sensorium.model.embedding import OutputKind, Priority
from sensorium.ports import Tensor

DENSE, SPARSE, MULTI = OutputKind.DENSE, OutputKind.SPARSE, OutputKind.MULTI
FIRST, LAST, PAD = 100, 101, 9


@dataclass
class Tokenizer:
    """Stands in for a tokenizer whose special tokens are FIRST and LAST."""

    pad_id: int = PAD
    special_ids: frozenset[int] = frozenset({FIRST, LAST})

    def text_of(self, token: int) -> str:
        return f"<{token}>"


@dataclass
class Answering:
    """Answers every request with the tensors that it asks for, and notes what it was asked."""

    tensors: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    outputs: Sequence[str] = ()
    priority: int = 0

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        self.inputs, self.outputs, self.priority = inputs, outputs, priority
        return {name: self.tensors[name] for name in outputs}

    async def ready(self, model: str) -> bool:
        return True


def encoder(server: Answering, *, by_token: bool = True) -> TextEncoder:
    tower = TextTower(
        "tower",
        "vector",
        Path("tokenizer.json"),
        sparse=SparseOutput("weights", by_token),
        multi=MultiOutput("tokens", dimension=8, first=1),
    )
    return TextEncoder(server, tower, 2, Tokenizer())


def dense(vectors: Sequence[Sequence[float]]) -> Answering:
    return Answering({"vector": np.array(vectors, np.float32)})


async def test_texts_are_padded_and_the_padding_is_masked() -> None:
    server = dense([[1, 1], [1, 1]])
    await encoder(server)([TextInput([1, 2, 3]), TextInput([4])], 4, Priority.BULK)
    assert server.inputs["input_ids"].tolist() == [[1, 2, 3, PAD], [4, PAD, PAD, PAD]]
    assert server.inputs["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert {tensor.dtype for tensor in server.inputs.values()} == {np.dtype(np.int64)}


@pytest.mark.parametrize(("priority", "number"), [(Priority.INTERACTIVE, 1), (Priority.BULK, 2)])
async def test_the_lane_is_passed_on(priority: Priority, number: int) -> None:
    server = dense([[1, 1]])
    await encoder(server)([TextInput([1])], 1, priority)
    assert server.priority == number


async def test_only_the_vector_that_is_not_finite_becomes_an_error() -> None:
    first, bad, last = await encoder(dense([[1, 0], [np.inf, 0], [0, 1]]))([TextInput([1])] * 3, 1, Priority.BULK)
    assert isinstance(bad, Internal)
    assert (first.dense.tolist(), last.dense.tolist()) == ([1, 0], [0, 1])


@pytest.mark.parametrize("shape", [(1, 2), (2, 3), (2,)])
async def test_a_wrong_shape_is_an_error_of_the_whole_batch(shape: tuple[int, ...]) -> None:
    with pytest.raises(Internal):
        await encoder(dense(np.ones(shape)))([TextInput([1]), TextInput([2])], 1, Priority.BULK)


async def test_all_that_is_wanted_of_a_batch_comes_in_one_pass() -> None:
    server = Answering(
        {
            "vector": np.array([[1, 0], [0, 1]], np.float32),
            "weights": np.array([[9, 0.5, 0.25, 9], [9, 0.125, 9, 9]], np.float32),
            "tokens": np.arange(2 * 3 * 8, dtype=np.float32).reshape(2, 3, 8),
        }
    )
    texts = [TextInput([FIRST, 7, 5, LAST], (DENSE, SPARSE)), TextInput([FIRST, 7, LAST], (MULTI,))]
    whole, short = await encoder(server)(texts, 4, Priority.BULK)
    assert server.outputs == ["vector", "weights", "tokens"]
    assert whole.dense.tolist() == [1, 0]
    assert (whole.sparse.indices.tolist(), whole.sparse.values.tolist()) == ([5, 7], [0.25, 0.5])
    assert whole.sparse.tokens == ("<5>", "<7>")
    assert short.sparse.indices.tolist() == [7]
    assert np.array_equal(whole.multi, server.tensors["tokens"][0])
    assert np.array_equal(short.multi, server.tensors["tokens"][1, :2])


async def test_weights_of_the_vocabulary_are_taken_as_they_are() -> None:
    server = Answering({"weights": np.array([[0, 2, -1, 0.5]], np.float32)})
    (made,) = await encoder(server, by_token=False)([TextInput([1, 2], (SPARSE,))], 2, Priority.BULK)
    assert (made.sparse.indices.tolist(), made.sparse.values.tolist()) == ([1, 3], [2, 0.5])


@pytest.mark.parametrize(
    ("kind", "tensor", "wrong"),
    [
        (SPARSE, "weights", (1, 3)),
        (SPARSE, "weights", (1,)),
        (MULTI, "tokens", (1, 2, 8)),
        (MULTI, "tokens", (1, 1, 4)),
    ],
)
async def test_a_wrong_shape_is_an_error_of_any_output(kind: OutputKind, tensor: str, wrong: tuple[int, ...]) -> None:
    server = Answering({tensor: np.ones(wrong, np.float32)})
    with pytest.raises(Internal):
        await encoder(server)([TextInput([1, 2], (kind,))], 2, Priority.BULK)


async def test_weights_of_the_vocabulary_have_two_axes() -> None:
    server = Answering({"weights": np.ones(1, np.float32)})
    with pytest.raises(Internal, match="vocabulary"):
        await encoder(server, by_token=False)([TextInput([1], (SPARSE,))], 1, Priority.BULK)


@pytest.mark.parametrize(("kind", "tensor", "shape"), [(SPARSE, "weights", (2, 3)), (MULTI, "tokens", (2, 2, 8))])
async def test_padding_may_hold_anything_and_a_text_nothing_but_numbers(
    kind: OutputKind, tensor: str, shape: tuple[int, ...]
) -> None:
    values = np.ones(shape, np.float32)
    values[:, -1] = np.nan
    server = Answering({tensor: values})
    good, bad = await encoder(server)([TextInput([1, 2], (kind,)), TextInput([1, 2, 3], (kind,))], 3, Priority.BULK)
    assert not isinstance(good, Internal)
    assert isinstance(bad, Internal)


WEIGHED = st.tuples(st.sampled_from([1, 2, 3, FIRST, LAST]), st.floats(-1, 1, width=32))


@given(st.lists(WEIGHED, min_size=1, max_size=20))
def test_the_largest_weight_of_each_token_counts(weighed: list[tuple[int, float]]) -> None:
    expected: dict[int, float] = {}
    for token, weight in weighed:
        if token not in {FIRST, LAST} and weight > expected.get(token, 0):
            expected[token] = weight
    ids, weights = zip(*weighed, strict=True)
    reader = SparseReader("tower", SparseOutput("weights", by_token=True), Tokenizer())
    (made,) = reader.read(np.array([weights], np.float32), [ids], len(ids))
    assert dict(zip(made.sparse.indices.tolist(), made.sparse.values.tolist(), strict=True)) == expected
    assert made.sparse.indices.tolist() == sorted(expected)
