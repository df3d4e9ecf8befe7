"""Sums of usage and timings, for work that takes several calls."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple

from sensorium.model.content import Modality
from sensorium.model.embedding import ModalityUsage, Timings, Usage


def join_usage(usages: Iterable[Usage]) -> Usage:
    """Return the sum of what several calls consumed."""
    tokens = 0
    measures: defaultdict[tuple[Modality, float], float] = defaultdict(float)
    for usage in usages:
        tokens += usage.token_count
        for each in usage.modalities:
            measures[each.modality, each.weight] += each.measure
    modalities = (ModalityUsage(modality, measure, weight) for (modality, weight), measure in measures.items())
    return Usage(tokens, tuple(modalities))


def join_timings(timings: Iterable[Timings]) -> Timings:
    """Return the sum of the times of several calls."""
    return Timings(*map(sum, zip(*map(astuple, timings), strict=True)))
