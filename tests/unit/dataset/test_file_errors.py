"""What the ledger keeps of a file's error names the file's fault, and no place that only a request knew."""

import pytest

from sensorium.dataset.error_json import error_from_json, file_error_to_json
from sensorium.dataset.media_info import audio_info, image_info
from sensorium.errors import InvalidArgument, NotFound, Reason, SensoriumError


def test_the_place_in_a_request_is_left_out() -> None:
    place = "contents[16].parts[0].image"
    error = InvalidArgument(f"{place}: is no image", reason=Reason.MEDIA_UNDECODABLE, field=place)
    kept = error_from_json(file_error_to_json(error))
    assert isinstance(kept, InvalidArgument)
    assert (kept.message, kept.field, kept.reason) == ("is no image", "", Reason.MEDIA_UNDECODABLE)


@pytest.mark.parametrize("error", [NotFound("it is gone"), InvalidArgument("elsewhere", field="contents[1]")])
def test_other_messages_stay_as_they_are(error: SensoriumError) -> None:
    kept = error_from_json(file_error_to_json(error))
    assert isinstance(kept, type(error))
    assert kept.message == error.message


@pytest.mark.parametrize(
    ("read", "encoded", "why"),
    [
        (image_info, b"\xff\xd8\xffjunk", "the image cannot be decoded: no known format, or damaged"),
        (audio_info, b"RIFF1234WAVE", "the sound cannot be decoded: "),
    ],
)
def test_a_damaged_file_is_told_in_words(read: object, encoded: bytes, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read(encoded)  # type: ignore[operator]
    assert caught.value.message.startswith(why)
    assert not any(word in caught.value.message for word in ("BytesIO", "LibsndfileError", "0x"))
