"""Training data is read as it is described, and what is wrong with it is said by file and place."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from training_samples import NAMES, RATE, write_clips, write_pack, write_photos

from sensorium.errors import FailedPrecondition, NotFound
from sensorium.media.image import ImageDecoder
from sensorium.train.clips import read_clips
from sensorium.train.configuration import AudioRun, Optimizer
from sensorium.train.image_pack import read_packs, usual_name
from sensorium.train.photos import read_photos, squashed

RUN = AudioRun(
    folder="clips",
    prompts=("{}",),
    sample_rate=RATE,
    seconds=1.0,
    mels=8,
    widths=(4,),
    batch=2,
    epochs=1,
    steps=1,
    mix=0.5,
    optimizer=Optimizer(0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 1.0),
)


def test_packs_are_joined_in_order(tmp_path: Path) -> None:
    for name, count in (("a", 5), ("b", 3)):
        write_pack(tmp_path / f"{name}.npz", count)
    images = read_packs([tmp_path / "a.npz", tmp_path / "b.npz"])
    assert images.pixels.shape == (8, 3, 64, 64)
    assert images.labels.tolist() == [0, 1, 2, 3, 0, 0, 1, 2]
    assert images.names == ("goldfish", "school bus", "lemon", "teapot")
    red, _, blue = images.pixels[0].mean(axis=(1, 2))
    assert red > 200
    assert blue < 100


def test_images_are_drawn_with_their_labels_and_always_the_same(tmp_path: Path) -> None:
    write_pack(tmp_path / "a.npz", 9)
    images = read_packs([tmp_path / "a.npz"])
    few, again = images.drawn(4), images.drawn(4)
    assert len(few) == 4
    assert np.array_equal(few.pixels, again.pixels)
    for pixels, label in zip(few.pixels, few.labels, strict=True):
        (place,) = np.flatnonzero((images.pixels == pixels).all(axis=(1, 2, 3)))
        assert images.labels[place] == label
    assert len(images.drawn(100)) == 9


@pytest.mark.parametrize("side", [64, 96])
def test_images_are_scaled_as_they_will_be_when_the_tower_is_served(tmp_path: Path, side: int) -> None:
    write_pack(tmp_path / "a.npz", 3)
    images = read_packs([tmp_path / "a.npz"])
    scaled, decoder = images.scaled(side), ImageDecoder(side, fit="squash")
    for own, other in zip(images.pixels, scaled.pixels, strict=True):
        file = io.BytesIO()
        Image.fromarray(own.transpose(1, 2, 0)).save(file, "PNG")
        assert np.array_equal(decoder.decode(file.getvalue()).tensor, other)
    assert scaled.labels is images.labels


def test_the_first_of_several_names_is_the_usual_one() -> None:
    assert usual_name(NAMES[0]) == "goldfish"


def test_a_missing_pack_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"gone\.npz does not exist"):
        read_packs([tmp_path / "gone.npz"])


def test_packs_of_differing_classes_are_refused(tmp_path: Path) -> None:
    write_pack(tmp_path / "a.npz", 2)
    with np.load(tmp_path / "a.npz") as pack:
        np.savez(tmp_path / "b.npz", **{**pack, "classes": np.array(["other"] * 4)})
    with pytest.raises(FailedPrecondition, match="other classes"):
        read_packs([tmp_path / "a.npz", tmp_path / "b.npz"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), kept=st.floats(0.05, 1))
def test_a_damaged_pack_is_refused_or_read(tmp_path: Path, place: float, byte: int, kept: float) -> None:
    whole = tmp_path / "whole.npz"
    if not whole.is_file():
        write_pack(whole, 3)
    damaged = bytearray(whole.read_bytes())
    damaged[int(place * len(damaged))] = byte
    path = tmp_path / "damaged.npz"
    path.write_bytes(damaged[: int(kept * len(damaged)) + 1])
    with contextlib.suppress(FailedPrecondition):
        assert read_packs([path]).pixels.dtype == np.uint8


def test_photos_are_those_of_the_split_and_become_squares(tmp_path: Path) -> None:
    write_photos(tmp_path, 6)
    photos = read_photos(tmp_path, "train")
    assert [len(photo.captions) for photo in photos] == [2, 2, 2, 2]
    assert squashed(photos, 20).shape == (4, 3, 20, 20)
    assert len(read_photos(tmp_path)) == 6


@pytest.mark.parametrize("line", ["{", "[]", '{"file": "x.jpg"}', '{"file": 1, "captions_en": null, "split": "train"}'])
def test_a_wrong_line_of_photos_is_named(tmp_path: Path, line: str) -> None:
    write_photos(tmp_path, 1)
    with (tmp_path / "labels.jsonl").open("a") as labels:
        labels.write(f"\n{line}")
    with pytest.raises(FailedPrecondition, match="line 2"):
        read_photos(tmp_path)


def test_a_photo_that_is_none_is_named(tmp_path: Path) -> None:
    write_photos(tmp_path, 2)
    (tmp_path / "images" / "1.jpg").write_bytes(b"no picture")
    with pytest.raises(FailedPrecondition, match=r"1\.jpg is no image"):
        squashed(read_photos(tmp_path), 8)
    (tmp_path / "images" / "1.jpg").unlink()
    with pytest.raises(NotFound, match=r"1\.jpg"):
        squashed(read_photos(tmp_path), 8)


def test_clips_are_split_by_fold(tmp_path: Path) -> None:
    write_clips(tmp_path)
    clips = read_clips(tmp_path, RUN)
    assert clips.waveforms.shape == (8, RATE)
    assert clips.names == ("high whistle", "low hum")
    outside, inside = clips.split(2)
    assert set(outside.folds.tolist()) == {1}
    assert set(inside.folds.tolist()) == {2}
    assert len(inside.labels) == 4


def test_a_clip_that_is_no_sound_is_named(tmp_path: Path) -> None:
    write_clips(tmp_path)
    (tmp_path / "audio" / "3.flac").write_bytes(b"silence")
    with pytest.raises(FailedPrecondition, match=r"3\.flac is none of"):
        read_clips(tmp_path, RUN)
    (tmp_path / "audio" / "3.flac").unlink()
    with pytest.raises(NotFound, match=r"3\.flac"):
        read_clips(tmp_path, RUN)


def test_a_list_of_clips_that_is_wrong_or_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"labels\.jsonl does not exist"):
        read_clips(tmp_path, RUN)
    (tmp_path / "labels.jsonl").write_text('{"file": "a.flac"}')
    with pytest.raises(FailedPrecondition, match=r"labels\.jsonl: KeyError"):
        read_clips(tmp_path, RUN)
