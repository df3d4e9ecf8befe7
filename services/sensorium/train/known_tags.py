"""Fits what validation data tells of single tags: an intercept for each, and the score from which tags are assigned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from sensorium.model.embedding import Calibration, known_name, logistic
from sensorium.train.figures import Labels, Vectors
from sensorium.train.tag_calibration import IMAGE_TAGS, Fitted, Pairs, fit

Floats = npt.NDArray[np.float64]
# How much a tag's own intercept holds to the shared one: as much as this much information (of log-odds) from pairs.
_PRIOR = 1.0
# Recall counts half: a tagger that is not sure abstains. With 1, white noise is called a dog.
_BETA = 0.5
_STEPS = 30
_CONVERGED = 1e-9


@dataclass(frozen=True, slots=True)
class KnownPairs:
    """Pairs of content and tag.

    Attributes:
        similarities: float64 [pairs], cosine.
        fits: bool [pairs]: whether the tag fits.
        tags: int64 [pairs]: which tag.
        parts: int64 [pairs]: the part of the data that the content is of; each is judged by what the others tell.
    """

    similarities: Floats
    fits: npt.NDArray[np.bool_]
    tags: Labels
    parts: Labels

    @classmethod
    def of(cls, vectors: Vectors, names: Vectors, labels: Labels, parts: Labels, definition: Labels) -> Self:
        """Return the pairs of the tags in one definition and the contents that one of them fits."""
        shown = np.isin(labels, definition)
        similarities = (vectors[shown] @ names[definition].T).astype(np.float64)
        fits = labels[shown][:, None] == definition
        tags, of_parts = np.broadcast_arrays(definition, parts[shown][:, None])
        return cls(similarities.ravel(), fits.ravel(), tags.ravel(), of_parts.ravel())

    @classmethod
    def joined(cls, each: Sequence[Self]) -> Self:
        """Return the pairs of all."""
        return cls(
            np.concatenate([pairs.similarities for pairs in each]),
            np.concatenate([pairs.fits for pairs in each]),
            np.concatenate([pairs.tags for pairs in each]),
            np.concatenate([pairs.parts for pairs in each]),
        )

    def where(self, chosen: npt.NDArray[np.bool_]) -> Self:
        """Return the chosen pairs."""
        return replace(
            self,
            similarities=self.similarities[chosen],
            fits=self.fits[chosen],
            tags=self.tags[chosen],
            parts=self.parts[chosen],
        )

    def chances(self, slope: float, intercepts: Floats) -> Floats:
        """Return the probability that the tag of each pair fits; `intercepts` is float64 [tags]."""
        return logistic(slope * self.similarities + intercepts[self.tags])


def with_known_images(fitted: Fitted, vectors: Vectors, names: Vectors, labels: Labels, tags: Sequence[str]) -> Fitted:
    """Add what is known of the classes' names, each among `IMAGE_TAGS` drawn ones; half of each class's images judges.

    Args:
        fitted: What is known of tags at large.
        vectors: float32 [images, dimension], that the tower was not trained on.
        names: float32 [classes, dimension]: the names as tags.
        labels: int64 [images], into `names`.
        tags: The names.
    """
    halves = np.empty(len(labels), np.int64)
    halves[np.argsort(labels, kind="stable")] = np.arange(len(labels)) % 2
    dealt = np.random.default_rng(0).permutation(len(names))
    definitions = np.array_split(dealt, -(-len(dealt) // IMAGE_TAGS))
    pairs = [KnownPairs.of(vectors, names, labels, halves, definition) for definition in definitions]
    return _with_known(fitted, KnownPairs.joined(pairs), tags)


def with_known_sounds(
    fitted: Fitted, vectors: Vectors, names: Vectors, labels: Labels, folds: Labels, *, tags: Sequence[str]
) -> Fitted:
    """Add what is known of the labels' names, all in one definition; each fold is judged by the others.

    The arguments are those of `with_known_images`; `folds` is int64 [clips].
    """
    return _with_known(fitted, KnownPairs.of(vectors, names, labels, folds, np.arange(len(names))), tags)


def own_intercepts(pairs: KnownPairs, shared: Calibration, count: int) -> Floats:
    """Return the likeliest intercept of each tag, float64 [count], given that it is near the shared one."""
    found = np.full(count, shared.intercept)
    for tag in range(count):
        mine = pairs.where(pairs.tags == tag)
        for _ in range(_STEPS):
            chances = logistic(shared.slope * mine.similarities + found[tag])
            slope = (chances - mine.fits).sum() + _PRIOR * (found[tag] - shared.intercept)
            step = slope / ((chances * (1 - chances)).sum() + _PRIOR)
            found[tag] -= step
            if abs(step) < _CONVERGED:
                break
    return found


def best_threshold(chances: Floats, fits: npt.NDArray[np.bool_]) -> float:
    """Return the score from which assigning tags gives the best F-measure, in which recall counts `_BETA` times.

    It is (1 + beta^2) x right / (assigned + beta^2 x fitting): C. J. van Rijsbergen, Information Retrieval, 1979.
    """
    order = np.argsort(-chances, kind="stable")
    right, assigned = np.cumsum(fits[order]), np.arange(1, len(order) + 1)
    best = int(np.argmax(right / (assigned + _BETA**2 * max(int(fits.sum()), 1))))
    return float(chances[order[best : best + 2]].mean())


def _with_known(fitted: Fitted, pairs: KnownPairs, tags: Sequence[str]) -> Fitted:
    shared = fitted.calibration
    own = own_intercepts(pairs, shared, len(tags))
    calibration = replace(
        shared,
        threshold=best_threshold(pairs.chances(shared.slope, own), pairs.fits),
        tag_intercepts={known_name(tag): float(each) for tag, each in zip(tags, own, strict=True)},
    )
    return Fitted(calibration, {**fitted.figures, **_judged(pairs, len(tags))})


def _judged(pairs: KnownPairs, count: int) -> dict[str, float]:
    """Return precision and recall of known tags, each part assigned by what is fitted to the others."""
    assigned = np.zeros(len(pairs.fits), np.bool_)
    for part in np.unique(pairs.parts):
        others, inside = pairs.where(pairs.parts != part), pairs.parts == part
        shared = fit(Pairs(others.similarities, others.fits))
        own = own_intercepts(others, shared, count)
        threshold = best_threshold(others.chances(shared.slope, own), others.fits)
        assigned[inside] = pairs.where(inside).chances(shared.slope, own) >= threshold
    right = float((assigned & pairs.fits).sum())
    return {
        "precision of known names": right / max(int(assigned.sum()), 1),
        "recall of known names": right / max(int(pairs.fits.sum()), 1),
    }
