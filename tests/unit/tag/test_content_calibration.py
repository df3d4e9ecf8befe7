"""Each content is scored by the calibration of its modality, and by none where there is none."""

from dataclasses import replace

import pytest
from memory_mesh import LETTERS

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import Calibration
from sensorium.tag.content_calibration import calibration_of, check_can_tag

TEXTS, IMAGES = Calibration(28.0, -8.7), Calibration(37.0, -5.9, Modality.IMAGE)
MODEL = replace(LETTERS, calibrations=(TEXTS, IMAGES))
WORDS, PHOTO, SOUND = (
    Part.of_text("a bus"),
    Part(Modality.IMAGE, Media(data=b"photo")),
    Part(Modality.AUDIO, Media(data=b"sound")),
)


def test_each_modality_has_its_own() -> None:
    assert calibration_of(Content((WORDS, WORDS)), 0, MODEL) == TEXTS
    assert calibration_of(Content((PHOTO,)), 0, MODEL) == IMAGES


@pytest.mark.parametrize(
    ("parts", "told"),
    [((SOUND,), "was not calibrated to tag audio"), ((WORDS, PHOTO), "holds image and text: tag each by itself")],
)
def test_a_content_without_one_is_refused_by_itself(parts: tuple[Part, ...], told: str) -> None:
    refused = calibration_of(Content(parts), 3, MODEL)
    assert isinstance(refused, InvalidArgument)
    assert (refused.reason, refused.field) == (Reason.OPTION_UNSUPPORTED, "contents[3]")
    assert told in refused.message
    assert refused.metadata == {"option": "tagging", "supported": "text,image"}


def test_a_model_with_none_cannot_tag() -> None:
    check_can_tag(MODEL)
    with pytest.raises(InvalidArgument, match="cannot tag") as caught:
        check_can_tag(replace(MODEL, calibrations=()))
    assert (caught.value.reason, caught.value.field) == (Reason.OPTION_UNSUPPORTED, "model")
