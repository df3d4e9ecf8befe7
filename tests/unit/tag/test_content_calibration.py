"""Each content is scored by the calibration of its modality, and by none where there is none."""

import math
from dataclasses import replace

import numpy as np
import pytest
from memory_mesh import LETTERS

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import Calibration
from sensorium.model.tagging import TagDefinitionSpec, TagSpec
from sensorium.tag.content_calibration import ContentCalibration, calibration_of, check_can_tag
from sensorium.tag.content_vectors import ContentVectors
from sensorium.tag.tag_odds import TagOdds, odds_by_modality

TEXTS, IMAGES = Calibration(28.0, -8.7), Calibration(37.0, -5.9, Modality.IMAGE)
MODEL = replace(LETTERS, calibrations=(TEXTS, IMAGES))
WORDS, PHOTO, SOUND = (
    Part.of_text("a bus"),
    Part(Modality.IMAGE, Media(data=b"photo")),
    Part(Modality.AUDIO, Media(data=b"sound")),
)


TAGS = np.eye(2, dtype=np.float32)
SPEC = TagDefinitionSpec((TagSpec("bus"), TagSpec("cat")))
BUS = np.array([0.6, 0.1], np.float32)
CAT = np.array([0.1, 0.2], np.float32)


def scores(content: Content, vectors: ContentVectors) -> list[float]:
    calibration = calibration_of(content, 0, MODEL, odds_by_modality(MODEL, SPEC))
    assert isinstance(calibration, ContentCalibration)
    return calibration.scores(vectors, TAGS).tolist()


def test_each_modality_has_its_own() -> None:
    for part, fitted in ((WORDS, TEXTS), (PHOTO, IMAGES)):
        expected = [fitted.probability(0.6), fitted.probability(0.1)]
        assert scores(Content((part,)), ContentVectors(BUS)) == pytest.approx(expected, abs=1e-5)


def test_parts_of_one_modality_are_scored_as_a_whole() -> None:
    vectors = ContentVectors(BUS, ((0, CAT), (1, CAT)))
    assert scores(Content((PHOTO, PHOTO)), vectors)[0] == pytest.approx(IMAGES.probability(0.6), abs=1e-5)


def test_parts_of_several_modalities_average_their_log_odds_by_weight() -> None:
    content = Content((WORDS, replace(PHOTO, weight=3.0)))
    odds = (TEXTS.slope * 0.6 + TEXTS.intercept + 3 * (IMAGES.slope * 0.1 + IMAGES.intercept)) / 4
    expected = 1 / (1 + math.exp(-odds))
    assert scores(content, ContentVectors(CAT, ((0, BUS), (1, CAT))))[0] == pytest.approx(expected, abs=1e-5)


def test_a_tag_that_validation_data_knew_has_an_intercept_of_its_own_unless_it_is_described() -> None:
    fitted = replace(IMAGES, tag_intercepts={"school bus": -4.0})
    spec = TagDefinitionSpec((TagSpec(" School  BUS"), TagSpec("school bus", "yellow"), TagSpec("cat")))
    assert TagOdds.of(fitted, spec).intercepts.tolist() == [-4.0, IMAGES.intercept, IMAGES.intercept]


def test_the_threshold_is_the_mean_of_the_parts_by_weight() -> None:
    model = replace(MODEL, calibrations=(replace(TEXTS, threshold=0.2), replace(IMAGES, threshold=0.6)))
    content = Content((WORDS, replace(PHOTO, weight=3.0)))
    calibration = calibration_of(content, 0, model, odds_by_modality(model, SPEC))
    assert isinstance(calibration, ContentCalibration)
    assert calibration.threshold == pytest.approx(0.5)


def test_a_part_without_a_vector_says_nothing() -> None:
    vectors = ContentVectors(CAT, ((1, BUS),))
    assert scores(Content((WORDS, PHOTO)), vectors)[0] == pytest.approx(IMAGES.probability(0.6), abs=1e-5)


@pytest.mark.parametrize("parts", [(SOUND,), (WORDS, SOUND)])
def test_a_content_of_a_modality_without_one_is_refused_by_itself(parts: tuple[Part, ...]) -> None:
    refused = calibration_of(Content(parts), 3, MODEL, odds_by_modality(MODEL, SPEC))
    assert isinstance(refused, InvalidArgument)
    assert (refused.reason, refused.field) == (Reason.OPTION_UNSUPPORTED, "contents[3]")
    assert "was not calibrated to tag audio" in refused.message
    assert refused.metadata == {"option": "tagging", "supported": "text,image"}


def test_a_model_with_none_cannot_tag() -> None:
    check_can_tag(MODEL)
    with pytest.raises(InvalidArgument, match="cannot tag") as caught:
        check_can_tag(replace(MODEL, calibrations=()))
    assert (caught.value.reason, caught.value.field) == (Reason.OPTION_UNSUPPORTED, "model")
