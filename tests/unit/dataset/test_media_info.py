"""What files say of themselves is told apart from what callers say of them by the names of the attributes."""

from media_samples import clip, encoded, hum, picture

from sensorium.dataset.media_info import READ_ATTRIBUTES, audio_info, image_info


def test_the_attributes_that_are_read_are_those_that_files_give() -> None:
    given = {*image_info(encoded(picture())).attributes, *audio_info(clip(hum())).attributes}
    assert given == READ_ATTRIBUTES
