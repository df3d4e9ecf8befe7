"""Thumbnails have the size that their mode says, are kept within bounds, and bad pictures and modes are refused."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sensorium.dataset.thumbnail_cache import ThumbnailCache
from sensorium.dataset.thumbnail_mode import DEFAULT, MOST_PIXELS, Fit, ThumbnailMode, read_mode
from sensorium.dataset.thumbnail_picture import scaling, thumbnail
from sensorium.errors import InvalidArgument, Reason
from sensorium.model.dataset_file import Thumbnail

MODES = {
    "p_50": (40, 20),
    "p_1": (1, 1),
    "p_100": (80, 40),
    "w_20": (20, 10),
    "h_20": (40, 20),
    "h_200": (80, 40),
    "m_fixed,w_30,h_50": (30, 50),
    "m_fill,w_30,h_50": (30, 50),
    "m_fill,w_300,h_500": (300, 500),
    "m_pad,w_30,h_50,color_00ff00": (30, 50),
    "m_pad,h_200,w_100": (100, 200),
}


def encoded(size: tuple[int, int] = (80, 40), form: str = "PNG", **options: object) -> bytes:
    """Return a picture whose left half is red and whose right half is blue."""
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, *size))
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def opened(made: Thumbnail) -> Image.Image:
    picture = Image.open(io.BytesIO(made.data))
    assert (picture.format, picture.size, made.content_type) == ("JPEG", (made.width, made.height), "image/jpeg")
    return picture


def colour(picture: Image.Image, place: tuple[int, int]) -> str:
    red, green, blue = picture.convert("RGB").getpixel(place)  # type: ignore[misc]
    return "white" if min(red, green, blue) > 200 else max((red, "red"), (green, "green"), (blue, "blue"))[1]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_mode_says_the_size(mode: str, form: str) -> None:
    picture = opened(thumbnail(encoded(form=form), read_mode(mode), 10_000))
    assert picture.size == MODES[mode]
    if picture.width > 2 and "pad" not in mode:
        assert colour(picture, (0, 0)) == "red"
        assert colour(picture, (picture.width - 1, 0)) == "blue"


def test_what_is_left_of_a_padded_picture_has_its_colour() -> None:
    picture = opened(thumbnail(encoded(), read_mode("m_pad,w_40,h_60,color_00FF00"), 10_000))
    assert [colour(picture, place) for place in ((0, 0), (1, 30), (38, 30), (20, 59))] == [
        "green", "red", "blue", "green",
    ]  # fmt: skip


def test_pictures_stand_as_the_camera_was_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = opened(thumbnail(encoded(form="JPEG", exif=exif), read_mode("h_40"), 10_000))
    assert picture.size == (20, 40)
    assert (colour(picture, (10, 3)), colour(picture, (10, 36))) == ("red", "blue")


def test_transparency_shows_white() -> None:
    stream = io.BytesIO()
    Image.new("RGBA", (9, 9), (255, 0, 0, 0)).save(stream, "PNG")
    assert colour(opened(thumbnail(stream.getvalue(), read_mode(""), 100)), (4, 4)) == "white"


def test_pictures_of_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(InvalidArgument) as caught:
        thumbnail(encoded(), read_mode(""), 3199)
    assert caught.value.reason is Reason.CONTENT_TOO_LONG
    assert caught.value.metadata["limit"] == "3199"


GOOD = {form: encoded((40, 30), form) for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damaged_pictures_are_refused_or_shown_and_never_anything_else(data: st.DataObject) -> None:
    whole = bytearray(GOOD[data.draw(st.sampled_from(sorted(GOOD)))])
    for _ in range(data.draw(st.integers(0, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        made = thumbnail(damaged, read_mode("w_20"), 100_000)
    except InvalidArgument as refused:
        error = refused
    else:
        assert opened(made).width <= 20
        return
    assert error.reason in {Reason.MEDIA_UNDECODABLE, Reason.CONTENT_TOO_LONG}


SIDES = st.integers(1, MOST_PIXELS)
MODES_OF_ALL = st.one_of(
    st.integers(1, 100).map(lambda percent: (f"p_{percent}", ThumbnailMode(percent=percent))),
    SIDES.map(lambda side: (f"w_{side}", ThumbnailMode(width=side))),
    SIDES.map(lambda side: (f"h_{side}", ThumbnailMode(height=side))),
    st.builds(
        lambda fit, width, height: (f"m_{fit},w_{width},h_{height}", ThumbnailMode(fit, width, height)),
        st.sampled_from([Fit.PAD, Fit.FILL, Fit.FIXED]), SIDES, SIDES,
    ),
    st.builds(
        lambda width, height, colour: (
            f"m_pad,color_{colour:06x},h_{height},w_{width}", ThumbnailMode(Fit.PAD, width, height, 0, f"{colour:06X}"),
        ),
        SIDES, SIDES, st.integers(0, 0xFFFFFF),
    ),
)  # fmt: skip


@given(MODES_OF_ALL)
def test_every_mode_of_the_grammar_is_read(written: tuple[str, ThumbnailMode]) -> None:
    text, mode = written
    assert read_mode(text) == mode


@given(st.text(max_size=40) | st.text("pwhm_,0123456789colrfixad", max_size=40))
def test_any_text_is_a_mode_or_refused(text: str) -> None:
    try:
        mode = read_mode(text, "field")
    except InvalidArgument as refused:
        error = refused
    else:
        assert 0 <= mode.percent <= 100
        assert max(mode.width, mode.height) <= MOST_PIXELS
        assert mode.percent or mode.width or mode.height
        assert text or mode == read_mode(DEFAULT)
        return
    assert (error.reason, error.field) == (Reason.FIELD_INVALID, "field")


@given(MODES_OF_ALL, st.tuples(st.integers(1, 100_000), st.integers(1, 100_000)))
def test_no_thumbnail_is_larger_than_it_may_be(written: tuple[str, ThumbnailMode], size: tuple[int, int]) -> None:
    wanted = scaling(written[1], size)
    assert all(1 <= side <= MOST_PIXELS for side in wanted.size)
    assert all(1 <= shown <= side for shown, side in zip(wanted.shown, size, strict=True))
    if written[1].fit in {Fit.INSIDE, Fit.PAD}:
        assert all(side <= before for side, before in zip(wanted.size, size, strict=True))


# --- The cache ------------------------------------------------------------------------------------------------------


def kept(size: int = 100) -> Thumbnail:
    return Thumbnail(os.urandom(size), "image/jpeg", 3, 4)


def test_a_thumbnail_is_kept_over_a_restart(tmp_path: Path) -> None:
    made = kept()
    ThumbnailCache(tmp_path / "new", 10_000).put("k1", made)
    assert ThumbnailCache(tmp_path / "new", 10_000).get("k1") == made
    assert ThumbnailCache(tmp_path / "new", 10_000).get("k2") is None


def test_the_ones_asked_for_longest_ago_leave_when_it_is_full(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path, 950)  # Six fit, seven do not.
    for number in range(6):
        cache.put(f"k{number}", kept(100))
        os.utime(tmp_path / f"k{number}" / f"k{number}", (number, number))
    assert cache.get("k0")  # Which makes it the latest.
    cache.put("k6", kept(100))
    assert [number for number in range(7) if cache.get(f"k{number}")] == [0, 2, 3, 4, 5, 6]
    assert sum(file.stat().st_size for file in tmp_path.glob("*/*")) <= 950


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 200])
def test_a_damaged_one_is_not_there(tmp_path: Path, damage: bytes) -> None:
    cache = ThumbnailCache(tmp_path, 10_000)
    cache.put("k1", kept())
    (tmp_path / "k1" / "k1").write_bytes(damage)
    assert cache.get("k1") is None


def test_none_is_kept_where_none_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for cache in (ThumbnailCache(tmp_path / "file", 10_000), ThumbnailCache(tmp_path / "none", 0)):
        cache.put("k1", kept())
        assert cache.get("k1") is None
    assert not (tmp_path / "none").exists()
