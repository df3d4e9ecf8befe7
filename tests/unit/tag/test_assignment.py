"""Which tags a content gets: by calibrated score, threshold and count."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.model.embedding import Calibration
from sensorium.model.tagging import ContentTags, TagDefinitionSpec, TagSpec
from sensorium.tag.assignment import Assignment
from sensorium.tag.content_calibration import ContentCalibration
from sensorium.tag.content_vectors import ContentVectors
from sensorium.tag.tag_odds import TagOdds

AXES = np.eye(4, dtype=np.float32)
# The probability is a half at a similarity of 0.5.
CALIBRATION = Calibration(20.0, -10.0)


def assign(
    spec: TagDefinitionSpec, whole: list[float], candidate_count: int = 0, fitted: Calibration = CALIBRATION
) -> ContentTags:
    assignment = Assignment(spec, AXES[: len(spec.tags), : len(spec.tags)], candidate_count)
    calibration = ContentCalibration((TagOdds.of(fitted, spec),), (1.0,))
    return assignment.tags_of(ContentVectors(np.array(whole, np.float32)), calibration)


def names(*tags: str, **fields: float) -> TagDefinitionSpec:
    return TagDefinitionSpec(tuple(map(TagSpec, tags)), **fields)  # type: ignore[arg-type]


def test_tags_are_ordered_by_score() -> None:
    assert [each.tag for each in assign(names("a", "b", "c"), [0.6, 0.8, 0.7]).tags] == ["b", "c", "a"]


def test_equally_sure_tags_keep_the_order_of_the_definition() -> None:
    assert [each.tag for each in assign(names("b", "a", "c"), [0.7, 0.7, 0.7]).tags] == ["b", "a", "c"]


def test_nothing_is_assigned_when_no_tag_is_sure_enough() -> None:
    assert assign(names("a", "b"), [0.4, 0.3]) == ContentTags()


def test_a_score_at_the_threshold_is_enough() -> None:
    assert [each.score for each in assign(names("a"), [0.5]).tags] == [0.5]
    assert [each.score for each in assign(names("a", threshold=0.0), [-1.0]).tags] == [pytest.approx(0, abs=1e-12)]


def test_a_tags_own_threshold_wins() -> None:
    spec = TagDefinitionSpec((TagSpec("a", threshold=0.1), TagSpec("b")), threshold=0.9)
    assert [each.tag for each in assign(spec, [0.55, 0.55]).tags] == ["a"]


def test_the_threshold_of_the_model_counts_where_the_definition_has_none() -> None:
    fitted = replace(CALIBRATION, threshold=0.2)
    spec = TagDefinitionSpec((TagSpec("a"), TagSpec("b", threshold=0.9)))
    assert [each.tag for each in assign(spec, [0.45, 0.45], fitted=fitted).tags] == ["a"]
    assert assign(replace(spec, threshold=0.5), [0.45, 0.45], fitted=fitted).tags == ()


def test_the_count_keeps_the_surest_and_candidates_are_below_the_threshold() -> None:
    found = assign(names("a", "b", "c", "d", max_tag_count=1), [0.9, 0.8, 0.4, 0.3], candidate_count=1)
    assert [each.tag for each in found.tags] == ["a"]
    assert [each.tag for each in found.candidates] == ["c"]


def test_evidence_says_what_was_compared() -> None:
    spec = TagDefinitionSpec((TagSpec("a", "described"), TagSpec("b", "  ")))
    first, second = assign(spec, [0.9, 0.8]).tags
    assert first.evidence.explanation == "cosine similarity 0.900 to the tag's name and description"
    assert second.evidence.explanation == "cosine similarity 0.800 to the tag's name"


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20), st.floats(0.1, 1e6), st.floats(-1e6, 1e6))
def test_scores_are_probabilities_that_rise_with_similarity(values: list[float], slope: float, shift: float) -> None:
    similarities = np.sort(np.array(values))
    scores = Calibration(slope, shift).probabilities(similarities)
    assert all(0 <= score <= 1 and math.isfinite(score) for score in scores)
    assert (np.diff(scores) >= 0).all()
