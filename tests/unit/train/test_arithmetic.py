"""The arithmetic around training: figures, hard negatives, learning rates, spectrograms, and TOML."""

import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.train.configuration import Phase
from sensorium.train.figures import precision_at, recall_at, top_k
from sensorium.train.hard_negatives import likest_of_others
from sensorium.train.history import Mark
from sensorium.train.mel import HOP_S, WINDOW_S, fourier_basis, mel_bands
from sensorium.train.schedule import Schedule
from sensorium.train.toml_text import toml

EYE = np.eye(4, dtype=np.float32)


def test_top_k_counts_classes_that_are_likelier() -> None:
    vectors = np.array([[0.9, 0.8, 0, 0], [0.5, 0.6, 0.7, 0]], np.float32)
    labels = np.array([0, 0])
    assert [top_k(vectors, EYE, labels, k) for k in (1, 2, 3)] == [0.5, 0.5, 1.0]


def test_precision_is_the_mean_over_classes() -> None:
    labels = np.array([0, 0, 1, 1])
    vectors = np.array([[1, 0], [0, 1], [0, 1], [0, 1]], np.float32)
    assert precision_at(vectors, np.eye(2, dtype=np.float32), labels, 1) == 0.5
    assert precision_at(EYE[[0, 0, 1, 1]], EYE[:2], labels, 2) == 1.0


def test_recall_finds_the_own_vector() -> None:
    assert recall_at(EYE, EYE, np.arange(4), 1) == 1.0
    assert recall_at(EYE, EYE, np.array([1, 0, 2, 3]), 1) == 0.5


def test_hard_negatives_are_the_likest_captions_of_other_photos() -> None:
    angles = np.array([0.0, 0.1, 0.7, 0.9, 1.5])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = likest_of_others(vectors, np.array([0, 0, 1, 1, 2]), 2)
    assert found[0].tolist() == [2, 3]
    assert found[4].tolist() == [3, 2]


def test_a_caption_that_says_the_same_is_no_negative() -> None:
    vectors = EYE[[0, 0, 1]]
    assert likest_of_others(vectors, np.array([0, 1, 2]), 1)[0].tolist() == [2]


def test_the_rate_rises_then_falls_to_nothing() -> None:
    schedule = Schedule((Phase(2, 32, 0.5), Phase(3, 48, 0.5)), 10, 1.0, 0.2)
    rates = [schedule.rate(step) for step in range(schedule.steps)]
    assert schedule.epochs == 5
    assert rates[9] == max(rates) == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.05
    assert [schedule.phase(epoch).size for epoch in range(5)] == [32, 32, 48, 48, 48]
    with pytest.raises(IndexError):
        schedule.phase(5)


def test_the_basis_is_a_fourier_transform() -> None:
    rate = 8000
    length = round(WINDOW_S * rate)
    sound = np.random.default_rng(0).normal(size=length)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    expected = np.fft.rfft(sound * window)
    real, imaginary = np.split(fourier_basis(rate) @ sound, 2)
    np.testing.assert_allclose(real + 1j * imaginary, expected, atol=1e-3)
    assert round(HOP_S * rate) * 2 == length


def test_every_band_hears_something_and_the_same_amount() -> None:
    bands = mel_bands(16000, 64)
    assert bands.shape == (64, 401)
    np.testing.assert_allclose(bands.sum(axis=1), 1, atol=1e-5)
    assert (np.diff(bands.argmax(axis=1)) >= 0).all()


def test_marks_survive_being_kept() -> None:
    mark = Mark(3, 9, 1.25, {"top-1": 0.5})
    assert Mark.of(mark.fields()) == mark
    assert mark.line() == "epoch 3/9  loss 1.250  top-1 0.500"


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
LEAVES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(-1e6, 1e6),
    st.lists(st.integers(0, 9), max_size=3),
)
TABLES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=4),
    lambda inner: st.dictionaries(NAMES, st.one_of(LEAVES, inner, st.lists(inner, min_size=1, max_size=3)), max_size=4),
    max_leaves=12,
)


@given(TABLES)
def test_toml_is_read_as_it_was_written(fields: dict[str, object]) -> None:
    assert tomllib.loads(toml(fields)) == fields
