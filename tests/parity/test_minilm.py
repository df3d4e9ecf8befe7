"""The built all-MiniLM-L6-v2 computes what its reference implementation does."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "unit" / "golden" / "all-minilm-l6-v2.json"
TOLERANCE = 1e-5
BATCH = 16


def batches(texts: list[str]) -> list[list[str]]:
    return [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]


@pytest.fixture(scope="module")
def wanted(reference, texts):
    """The reference's vectors, each text alone."""
    return np.concatenate([reference.vectors([text]) for text in texts])


def test_token_ids_are_the_references(reference, model, texts) -> None:
    differing = [text for text in texts if model.ids(text) != reference.ids(text)]
    assert differing == []


def test_the_golden_file_is_what_the_reference_gives(reference) -> None:
    for case in json.loads(GOLDEN.read_text()):
        assert case["ids"] == reference.ids(case["text"])
        golden = np.frombuffer(base64.b64decode(case["vector"]), "<f4")
        assert np.abs(golden - reference.vectors([case["text"]])).max() <= TOLERANCE / 10


def test_one_text_at_a_time(model, texts, wanted) -> None:
    vectors = np.concatenate([model.vectors([text]) for text in texts])
    assert np.abs(vectors - wanted).max() <= TOLERANCE


def test_batches_padded_to_their_longest(model, texts, wanted) -> None:
    vectors = np.concatenate([model.vectors(batch) for batch in batches(texts)])
    assert np.abs(vectors - wanted).max() <= TOLERANCE


def test_batches_padded_to_the_limit(model, texts, wanted) -> None:
    some = texts[:64]
    vectors = np.concatenate([model.vectors(batch, length=256) for batch in batches(some)])
    assert np.abs(vectors - wanted[: len(some)]).max() <= TOLERANCE


def test_the_reference_in_batches_agrees_with_itself(reference, texts, wanted) -> None:
    some = texts[:64]
    vectors = np.concatenate([reference.vectors(batch) for batch in batches(some)])
    assert np.abs(vectors - wanted[: len(some)]).max() <= TOLERANCE


def test_quantised_vectors_are_near(quantised, texts, wanted, capsys) -> None:
    vectors = np.concatenate([quantised.vectors([text]) for text in texts])
    cosines = np.sum(vectors * wanted, axis=1)
    with capsys.disabled():
        print(f"\nINT8 against float32: cosine {cosines.mean():.4f} mean, {cosines.min():.4f} least")
    assert cosines.mean() > 0.985
    assert cosines.min() > 0.95


def test_quantised_search_finds_mostly_the_same(quantised, texts, wanted, capsys) -> None:
    vectors = np.concatenate([quantised.vectors([text]) for text in texts])
    agreement = np.mean(nearest(vectors) == nearest(wanted))
    with capsys.disabled():
        print(f"\nINT8 against float32: the nearest neighbour is the same for {agreement:.2f} of the texts")
    assert agreement > 0.7


def nearest(vectors):
    """Return the index of each vector's nearest other."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    return scores.argmax(axis=1)
