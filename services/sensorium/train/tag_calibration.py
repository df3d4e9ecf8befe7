"""Fits what turns similarities into the scores of tags, and measures how far those can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.model.content import Modality
from sensorium.model.embedding import Calibration
from sensorium.train.figures import Labels, Vectors

THRESHOLD = 0.5
# Of one definition: how likely a tag is to fit beforehand depends on how many there are.
IMAGE_TAGS = 20
_TENTHS = 10
_STEPS = 50
# Keeps the slope finite where similarities tell all that fits from all that does not; too small to matter elsewhere.
_RIDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of content and tag: cosine similarities, and whether the tag fits; both of shape [pairs]."""

    similarities: npt.NDArray[np.float64]
    fits: npt.NDArray[np.bool_]

    def joined(self, other: "Pairs") -> "Pairs":
        """Return the pairs of both."""
        return Pairs(np.concatenate([self.similarities, other.similarities]), np.concatenate([self.fits, other.fits]))


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration, and what it comes to on pairs that it was not fitted to, by name (docs/training.md)."""

    calibration: Calibration
    figures: Mapping[str, float]


def fit(pairs: Pairs, modality: Modality = Modality.TEXT) -> Calibration:
    """Return the logistic regression of `fits` on `similarities`: Newton's method, each step halved until it helps."""
    design = np.stack([pairs.similarities, np.ones(len(pairs.similarities))], axis=1)
    weights, loss = np.zeros(2), _loss(np.zeros(2), design, pairs.fits)
    for _ in range(_STEPS):
        chances = Calibration(float(weights[0]), float(weights[1])).probabilities(pairs.similarities)
        curvature = (design * (chances * (1 - chances))[:, None]).T @ design + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, design.T @ (chances - pairs.fits) + _RIDGE * weights)
        while (reached := _loss(weights - step, design, pairs.fits)) > loss and np.abs(step).max() > 1e-9:
            step /= 2
        weights, loss = weights - step, reached
    return Calibration(float(weights[0]), float(weights[1]), modality)


def tenths(pairs: Pairs, chances: npt.NDArray[np.float64]) -> list[tuple[float, float, int]]:
    """Return mean score, share that fits and number of pairs, for each tenth of the scores that holds any."""
    places = np.clip((chances * _TENTHS).astype(int), 0, _TENTHS - 1)
    chosen = [places == place for place in range(_TENTHS) if (places == place).any()]
    return [(float(chances[each].mean()), float(pairs.fits[each].mean()), int(each.sum())) for each in chosen]


def figures(pairs: Pairs, chances: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return expected calibration error, precision and recall of what is assigned at `THRESHOLD`."""
    gaps = np.array([abs(score - share) * count for score, share, count in tenths(pairs, chances)])
    assigned = chances >= THRESHOLD
    right = float((assigned & pairs.fits).sum())
    return {
        "calibration error": float(gaps.sum() / len(chances)),
        "precision at 0.5": right / max(int(assigned.sum()), 1),
        "recall at 0.5": right / max(int(pairs.fits.sum()), 1),
    }


def of_images(vectors: Vectors, names: Vectors, labels: Labels) -> Fitted:
    """Fit on the images of every other class, and measure on those of the rest.

    The classes of a half are dealt into definitions of `IMAGE_TAGS`; each image is compared with its own.

    Args:
        vectors: float32 [images, dimension], that the tower was not trained on.
        names: float32 [classes, dimension]: the names as tags.
        labels: int64 [images], into `names`.
    """
    # Neighbours in the list of classes are alike, so the classes of a definition are drawn.
    dealt = np.random.default_rng(0).permutation(len(names))
    known, held_out = (_definitions(vectors, names, labels, dealt[half::2]) for half in (0, 1))
    calibration = fit(known, Modality.IMAGE)
    return Fitted(calibration, figures(held_out, calibration.probabilities(held_out.similarities)))


def of_sounds(vectors: Vectors, names: Vectors, labels: Labels, folds: Labels) -> Fitted:
    """Fit on all clips, each compared with all labels; measure each fold by a fit on the others.

    Args:
        vectors: float32 [clips, dimension], each of a tower that has not heard the clip's fold.
        names: float32 [labels, dimension]: the labels as tags.
        labels: int64 [clips], into `names`.
        folds: int64 [clips].
    """
    similarities = (vectors @ names.T).astype(np.float64)
    fits = labels[:, None] == np.arange(len(names))
    chances = np.empty_like(similarities)
    for fold in set(folds.tolist()):
        inside = folds == fold
        others = fit(Pairs(similarities[~inside].ravel(), fits[~inside].ravel()))
        chances[inside] = others.probabilities(similarities[inside])
    pairs = Pairs(similarities.ravel(), fits.ravel())
    return Fitted(fit(pairs, Modality.AUDIO), figures(pairs, chances.ravel()))


def _definitions(vectors: Vectors, names: Vectors, labels: Labels, classes: Labels) -> Pairs:
    pairs = []
    for tags in np.array_split(classes, -(-len(classes) // IMAGE_TAGS)):
        shown = np.isin(labels, tags)
        similarities = (vectors[shown] @ names[tags].T).astype(np.float64)
        pairs.append(Pairs(similarities.ravel(), (labels[shown][:, None] == tags).ravel()))
    return Pairs(np.concatenate([each.similarities for each in pairs]), np.concatenate([each.fits for each in pairs]))


def _loss(weights: npt.NDArray[np.float64], design: npt.NDArray[np.float64], fits: npt.NDArray[np.bool_]) -> float:
    scores = design @ weights
    return float(np.logaddexp(0, np.where(fits, -scores, scores)).sum() + _RIDGE / 2 * (weights**2).sum())
