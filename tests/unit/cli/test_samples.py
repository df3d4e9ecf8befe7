"""The sample set is small, whole, and says of each photo and sound where it is from and under which licence."""

from pathlib import Path

import pytest
import soundfile
from PIL import Image

from sensorium.cli.definition_file import read_definition
from sensorium.cli.samples import SampleSet

FOLDER = Path(__file__).resolve().parents[3] / "samples"
LARGEST = 5_000_000


@pytest.fixture(scope="module")
def samples() -> SampleSet:
    return SampleSet(FOLDER)


def test_photos_are_small_jpegs(samples: SampleSet) -> None:
    photos = [medium for medium in samples.media() if medium.kind == "photo"]
    assert len(photos) == 76
    for photo in photos:
        with Image.open(photo.path) as opened:
            assert (opened.format, max(opened.size) <= 320) == ("JPEG", True)


def test_sounds_are_short_and_of_one_channel(samples: SampleSet) -> None:
    sounds = [medium for medium in samples.media() if medium.kind == "sound"]
    assert len(sounds) == 80
    for sound in sounds:
        header = soundfile.info(sound.path)
        assert (header.format, header.samplerate, header.channels, header.duration <= 5.1) == ("OGG", 16_000, 1, True)


def test_no_file_lies_there_that_is_not_listed(samples: SampleSet) -> None:
    there = {path for folder in ("photos", "sounds") for path in (FOLDER / folder).iterdir()}
    assert there == {medium.path for medium in samples.media()}
    assert sum(path.stat().st_size for path in there) < LARGEST


def test_each_file_is_attributed_under_a_licence_that_lets_it_be_shared(samples: SampleSet) -> None:
    rows = {line for line in (FOLDER / "ATTRIBUTION.md").read_text().splitlines() if line.startswith("| `")}
    for medium in samples.media():
        assert medium.license in {"CC0 1.0", "CC BY 2.0", "CC BY 3.0", "CC BY-SA 2.0"}
        file = medium.path.relative_to(FOLDER)
        by = f"[{medium.author or 'on Flickr'}]({medium.source})"
        assert f"| `{file}` | {by} | [{medium.license}]({medium.license_url}) |" in rows


def test_searches_go_by_words_photos_sounds_and_away_from_words(samples: SampleSet) -> None:
    searches = samples.searches()
    assert {search.kind for search in searches} == {"photo", "sound"}
    assert any(search.medium and search.words for search in searches)
    assert any(search.without for search in searches)
    assert all(search.query() and search.told() for search in searches)


def test_the_tags_of_the_gallery_are_a_definition(samples: SampleSet) -> None:
    spec = read_definition(samples.tags).spec()
    assert spec.tags
    assert spec.model == "starter-trimodal-v1"
