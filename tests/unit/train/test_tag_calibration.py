"""What is fitted to similarities gives scores that are probabilities, for each modality, on what was held out too."""

import numpy as np
import pytest

from sensorium.model.content import Modality
from sensorium.model.embedding import Calibration
from sensorium.train.tag_calibration import Pairs, figures, fit, of_images, of_sounds, tenths

TRUTH = Calibration(20.0, -8.0)


def drawn(count: int, seed: int = 0) -> Pairs:
    """Pairs of which as many fit as `TRUTH` says."""
    chance = np.random.default_rng(seed)
    similarities = chance.uniform(-0.2, 0.8, count)
    return Pairs(similarities, chance.uniform(size=count) < TRUTH.probabilities(similarities))


def towards(targets: np.ndarray, noise: float, seed: int = 0) -> np.ndarray:
    """Vectors of length 1, near their targets, float32 [count, dimension]."""
    vectors = targets + np.random.default_rng(seed).normal(0, noise, targets.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_the_fit_finds_the_parameters_by_which_pairs_were_drawn() -> None:
    fitted = fit(drawn(50_000), Modality.IMAGE)
    assert fitted.slope == pytest.approx(TRUTH.slope, rel=0.05)
    assert fitted.intercept == pytest.approx(TRUTH.intercept, rel=0.05)
    assert fitted.modality is Modality.IMAGE


def test_similarities_that_tell_everything_have_a_finite_fit() -> None:
    fitted = fit(Pairs(np.array([0.1, 0.2, 0.6, 0.7]), np.array([False, False, True, True])))
    assert np.isfinite([fitted.slope, fitted.intercept]).all()
    assert fitted.probability(0.2) < 0.05
    assert fitted.probability(0.6) > 0.95


def test_similarities_that_tell_nothing_give_no_slope() -> None:
    fitted = fit(Pairs(np.array([0.1, 0.1, 0.5, 0.5]), np.array([False, True, False, True])))
    assert fitted.slope == pytest.approx(0, abs=1e-3)
    assert fitted.probability(0.3) == pytest.approx(0.5, abs=1e-3)


def test_figures_are_those_of_the_pairs() -> None:
    pairs = Pairs(np.zeros(4), np.array([True, False, True, False]))
    chances = np.array([0.95, 0.65, 0.45, 0.05])
    assert [count for *_, count in tenths(pairs, chances)] == [1, 1, 1, 1]
    assert figures(pairs, chances) == {
        "calibration error": pytest.approx((0.05 + 0.65 + 0.55 + 0.05) / 4),
        "precision at 0.5": 0.5,
        "recall at 0.5": 0.5,
    }


def test_images_are_calibrated_by_some_classes_and_judged_by_the_others() -> None:
    names = np.eye(40, dtype=np.float32)
    labels = np.repeat(np.arange(40), 30)
    fitted = of_images(towards(names[labels], 0.15), names, labels)
    assert fitted.calibration.modality is Modality.IMAGE
    assert fitted.calibration.probability(1.0) > 0.9
    assert fitted.calibration.probability(0.0) < 0.1
    assert fitted.figures["calibration error"] < 0.05
    assert fitted.figures["precision at 0.5"] > 0.8


def test_images_without_meaning_get_no_tags() -> None:
    names = np.eye(40, dtype=np.float32)
    labels = np.repeat(np.arange(40), 30)
    aimless = towards(np.zeros((len(labels), 40)), 1.0)
    assert of_images(aimless, names, labels).figures["recall at 0.5"] == 0


def test_sounds_of_a_fold_do_not_judge_themselves() -> None:
    names = np.eye(6, dtype=np.float32)
    labels, folds = np.tile(np.arange(6), 20), np.repeat(np.arange(1, 5), 30)
    vectors = towards(names[labels], 0.2)
    fitted = of_sounds(vectors, names, labels, folds)
    assert fitted.calibration.modality is Modality.AUDIO
    turned = np.where(folds == 4, (labels + 1) % 6, labels)  # The last fold's labels are all wrong.
    misled = of_sounds(vectors, names, turned, folds)
    assert misled.figures["recall at 0.5"] < fitted.figures["recall at 0.5"] - 0.2
