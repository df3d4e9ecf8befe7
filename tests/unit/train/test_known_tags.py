"""What validation data tells of single tags makes their scores right, and is judged by data it was not fitted to."""

from dataclasses import replace

import numpy as np
import pytest

from sensorium.model.content import Modality
from sensorium.model.embedding import Calibration
from sensorium.train.known_tags import (
    KnownPairs,
    best_threshold,
    own_intercepts,
    with_known_images,
    with_known_sounds,
)
from sensorium.train.tag_calibration import Fitted

SHARED = Calibration(20.0, -8.0, Modality.IMAGE)
FITTED = Fitted(SHARED, {"calibration error": 0.01})


def towards(targets: np.ndarray, noise: float, seed: int = 0) -> np.ndarray:
    """Vectors of length 1, near their targets, float32 [count, dimension]."""
    vectors = targets + np.random.default_rng(seed).normal(0, noise, targets.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_each_tag_finds_the_intercept_by_which_its_pairs_were_drawn() -> None:
    chance, truth = np.random.default_rng(0), np.array([-8.0, -5.0, -11.0])
    similarities, tags = chance.uniform(-0.2, 0.8, 60_000), np.arange(60_000) % 3
    pairs = KnownPairs(similarities, np.zeros(60_000, np.bool_), tags, tags)
    drawn = replace(pairs, fits=chance.uniform(size=60_000) < pairs.chances(SHARED.slope, truth))
    assert own_intercepts(drawn, SHARED, 3) == pytest.approx(truth, abs=0.15)


def test_a_tag_of_which_little_is_known_stays_near_the_others() -> None:
    pairs = KnownPairs(np.array([0.9]), np.array([False]), np.array([0]), np.array([0]))
    known, unknown = own_intercepts(pairs, SHARED, 2)
    assert SHARED.intercept - 1 < known < SHARED.intercept
    assert unknown == SHARED.intercept


def test_the_threshold_leaves_out_a_tag_that_fits_rather_than_assign_one_that_does_not() -> None:
    chances = np.array([0.9, 0.8, 0.6, 0.4, 0.2])
    assert best_threshold(chances, np.array([True, True, False, True, False])) == pytest.approx(0.7)
    assert best_threshold(chances, np.array([True, True, True, True, False])) == pytest.approx(0.3)
    assert best_threshold(chances, np.array([True, False, False, False, False])) == pytest.approx(0.85)


def test_images_make_their_class_names_known() -> None:
    names, labels = np.eye(40, dtype=np.float32), np.repeat(np.arange(40), 30)
    fitted = with_known_images(FITTED, towards(names[labels], 0.15), names, labels, [f"Class  {n}" for n in range(40)])
    assert set(fitted.calibration.tag_intercepts) == {f"class {n}" for n in range(40)}
    assert 0 < fitted.calibration.threshold < 1
    assert fitted.figures["calibration error"] == 0.01
    assert fitted.figures["precision of known names"] > 0.8
    assert fitted.figures["recall of known names"] > 0.8


def test_sounds_of_a_fold_do_not_judge_themselves() -> None:
    names, labels, folds = np.eye(6, dtype=np.float32), np.tile(np.arange(6), 20), np.repeat(np.arange(1, 5), 30)
    vectors, tags = towards(names[labels], 0.2), list("abcdef")
    fitted = with_known_sounds(FITTED, vectors, names, labels, folds, tags=tags)
    turned = np.where(folds == 4, (labels + 1) % 6, labels)  # The last fold's labels are all wrong.
    misled = with_known_sounds(FITTED, vectors, names, turned, folds, tags=tags)
    assert misled.figures["recall of known names"] < fitted.figures["recall of known names"] - 0.2
