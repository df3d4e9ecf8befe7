"""The built model gives the reference's token ids and vectors, in plain ONNX Runtime."""

import base64
import json
from pathlib import Path
from typing import TypedDict

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sensorium.triton.card import read_card, tokenizer_path
from sensorium.triton.manifest import read_manifest

ROOT = Path(__file__).parents[3]
REPOSITORY = ROOT / "model_repository"
MODEL = "all-minilm-l6-v2"
TOLERANCE = 1e-5


class Case(TypedDict):
    """A text with what the reference makes of it; the vector is base64 of little-endian float32."""

    text: str
    ids: list[int]
    vector: str


CASES: list[Case] = json.loads((ROOT / "tests" / "unit" / "golden" / f"{MODEL}.json").read_text())


def expected(case: Case) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(case["vector"]), "<f4")


def session(model: str) -> ort.InferenceSession:
    graph = REPOSITORY / model / "1" / "model.onnx"
    if not (graph.is_file() and (REPOSITORY / MODEL / "1" / "model.safetensors").is_file()):
        pytest.fail(f"{model} is not built: run python -m sensorium.triton.build {model}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    card = read_card(REPOSITORY, MODEL)
    tokenizer = Tokenizer.from_file(str(tokenizer_path(REPOSITORY, card, card.towers.text)))
    tokenizer.enable_truncation(card.towers.text.max_token_count)
    tokenizer.no_padding()
    return tokenizer


@pytest.fixture(scope="module")
def model() -> ort.InferenceSession:
    return session(MODEL)


def run(model: ort.InferenceSession, ids: list[list[int]], length: int) -> NDArray[np.float32]:
    """Run a batch padded to `length`."""
    tokens, mask = np.zeros((2, len(ids), length), np.int64)
    for row, text in enumerate(ids):
        tokens[row, : len(text)], mask[row, : len(text)] = text, 1
    vectors: NDArray[np.float32] = model.run(None, {"input_ids": tokens, "attention_mask": mask})[0]
    return vectors


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["text"][:20]))
def test_token_ids_are_the_references(tokenizer: Tokenizer, case: Case) -> None:
    assert tokenizer.encode(case["text"]).ids == case["ids"]


def test_the_goldens_reach_the_limit() -> None:
    assert max(len(case["ids"]) for case in CASES) == read_card(REPOSITORY, MODEL).towers.text.max_token_count


def test_vectors_are_the_references(model: ort.InferenceSession) -> None:
    for case in CASES:
        [vector] = run(model, [case["ids"]], len(case["ids"]))
        assert np.abs(vector - expected(case)).max() <= TOLERANCE, case["text"]


def test_padding_and_company_change_nothing(model: ort.InferenceSession) -> None:
    vectors = run(model, [case["ids"] for case in CASES], 256)
    assert np.abs(vectors - np.stack([expected(case) for case in CASES])).max() <= TOLERANCE


def test_each_length_of_the_manifest_gives_the_same_vector(model: ort.InferenceSession) -> None:
    case = CASES[4]
    for length in read_manifest(REPOSITORY / MODEL).lengths:
        if length >= len(case["ids"]):
            assert np.abs(run(model, [case["ids"]], length)[0] - expected(case)).max() <= TOLERANCE


def test_the_zeros_of_a_warm_up_stay_finite(model: ort.InferenceSession) -> None:
    nothing = np.zeros((2, 8), np.int64)
    assert not model.run(None, {"input_ids": nothing, "attention_mask": nothing})[0].any()


def test_inputs_and_outputs_are_the_manifests(model: ort.InferenceSession) -> None:
    manifest = read_manifest(REPOSITORY / MODEL)
    assert [tensor.name for tensor in model.get_inputs()] == [spec.name for spec in manifest.inputs]
    assert [tensor.name for tensor in model.get_outputs()] == [spec.name for spec in manifest.outputs]


def test_quantised_vectors_are_near() -> None:
    quantised = session(f"{MODEL}-int8")
    cosines = [float(run(quantised, [case["ids"]], len(case["ids"]))[0] @ expected(case)) for case in CASES]
    assert np.mean(cosines) > 0.985
    assert min(cosines) > 0.95
