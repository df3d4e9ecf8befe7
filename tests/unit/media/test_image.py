"""Pictures of every kind become the same square, and damaged ones an error that says so."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_samples import IMAGE_FORMATS, encoded, picture
from PIL import Image

from sensorium.errors import InvalidArgument, Reason
from sensorium.media.image import ImageDecoder

SIZE = 16
DECODER = ImageDecoder(SIZE, "NHWC", max_pixels=10_000)
FILES = [encoded(picture(), kind) for kind in IMAGE_FORMATS]


def pixels(data: bytes, **options: object) -> np.ndarray:
    decoder = ImageDecoder(SIZE, **{"layout": "NHWC", "max_pixels": 10_000, **options})
    return decoder.decode(data).tensor.astype(int)


def expected(image: Image.Image) -> np.ndarray:
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    square = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    return np.asarray(square).astype(int)


@pytest.mark.parametrize("kind", IMAGE_FORMATS)
def test_every_format_gives_the_centred_square(kind: str) -> None:
    lossy = 40 if kind == "GIF" else 12
    assert np.abs(pixels(encoded(picture(), kind)) - expected(picture())).max() <= lossy


def test_channels_come_first_where_the_model_wants_them_so() -> None:
    first = pixels(encoded(picture()), layout="NCHW")
    assert first.shape == (3, SIZE, SIZE)
    assert np.array_equal(first.transpose(1, 2, 0), pixels(encoded(picture())))


def test_squashing_keeps_the_edges() -> None:
    squashed = pixels(encoded(picture()), fit="squash")
    assert squashed[:, 0, 0].max() < 16
    assert pixels(encoded(picture()))[:, 0, 0].min() > 16


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_the_camera_may_be_held_in_any_way(kind: str, orientation: int) -> None:
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    held = picture().transpose(undo) if undo is not None else picture()
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossy = 12 if kind in {"JPEG", "WEBP"} else 1
    assert np.abs(pixels(encoded(held, kind, exif=exif)) - expected(picture())).max() <= lossy


def test_what_is_transparent_shows_white() -> None:
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    assert pixels(encoded(clear)).min() == 255
    half = Image.new("RGBA", (20, 20), (0, 0, 0, 128))
    assert np.abs(pixels(encoded(half)) - 127).max() <= 1
    assert pixels(encoded(Image.new("LA", (20, 20), (0, 0)))).min() == 255


def test_palettes_and_single_bits_are_read() -> None:
    palette = Image.new("P", (20, 20), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    assert pixels(encoded(palette))[0, 0].tolist() == [10, 200, 30]
    assert pixels(encoded(palette, "PNG", transparency=1))[0, 0].tolist() == [255, 255, 255]
    assert pixels(encoded(Image.new("1", (20, 20), 1))).min() == 255


def test_a_colour_that_means_transparent_shows_white() -> None:
    red = Image.new("RGB", (20, 20), (255, 0, 0))
    assert pixels(encoded(red, "PNG", transparency=(255, 0, 0))).min() == 255


def test_cmyk_becomes_rgb() -> None:
    printed = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
    for kind in ("JPEG", "TIFF"):
        assert np.abs(pixels(encoded(printed, kind))[0, 0] - [255, 0, 0]).max() <= 4


def test_sixteen_and_thirty_two_bits_become_eight() -> None:
    deep = Image.fromarray(np.full((20, 20), 0x8040, np.uint16))
    assert pixels(encoded(deep)).max() == pixels(encoded(deep)).min() == 0x80
    assert pixels(encoded(deep, "TIFF")).max() == 0x80
    wide = Image.fromarray(np.tile(np.linspace(-1, 1, 20, dtype=np.float32), (20, 1)))
    stretched = pixels(encoded(wide, "TIFF"))
    assert (stretched[0, 0, 0] < 20, stretched[0, -1, 0] > 235) == (True, True)


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("blue", "red")]
    for kind in ("GIF", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.abs(pixels(data)[0, 0] - [0, 0, 255]).max() <= 8


def test_a_large_jpeg_is_decoded_small_and_looks_the_same() -> None:
    data = encoded(picture(640, 480), "JPEG", quality=95)
    assert np.abs(pixels(data, max_pixels=10**6) - expected(picture(640, 480))).mean() < 2


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(InvalidArgument) as caught:
        DECODER.decode(encoded(picture(101, 100)))
    assert caught.value.reason is Reason.CONTENT_TOO_LONG
    assert caught.value.metadata == {"limit": "10000", "actual": "10100", "unit": "pixels"}


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    chunks = [header, b"IDAT" + body, b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


def test_a_bomb_is_told_by_its_header() -> None:
    with pytest.raises(InvalidArgument) as caught:
        DECODER.decode(png_header(60_000, 60_000))
    assert caught.value.metadata["actual"] == "3600000000"


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"<svg/>", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_cannot_be_decoded(data: bytes) -> None:
    with pytest.raises(InvalidArgument) as caught:
        DECODER.decode(data)
    assert caught.value.reason is Reason.MEDIA_UNDECODABLE


def test_formats_that_run_code_are_not_even_tried() -> None:
    stream = io.BytesIO()
    picture().save(stream, "EPS")
    with pytest.raises(InvalidArgument, match="none of JPEG"):
        DECODER.decode(stream.getvalue())


def test_a_file_that_was_cut_off_is_refused() -> None:
    for data in FILES:
        with pytest.raises(InvalidArgument):
            DECODER.decode(data[: len(data) // 2])


def outcome(data: bytes) -> None:
    """Decode: either a square, or one of the two errors that say what is wrong with the file."""
    try:
        assert DECODER.decode(data).tensor.shape == (SIZE, SIZE, 3)
    except InvalidArgument as error:
        assert error.reason in {Reason.MEDIA_UNDECODABLE, Reason.CONTENT_TOO_LONG}  # noqa: PT017


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FILES), st.data())
def test_mutated_files_never_break_anything(data: bytes, draw: st.DataObject) -> None:
    mutated = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 8))):
        mutated[draw.draw(st.integers(0, len(mutated) - 1))] = draw.draw(st.integers(0, 255))
    outcome(bytes(mutated[: draw.draw(st.integers(0, len(mutated)))] if draw.draw(st.booleans()) else mutated))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([data[:12] for data in FILES]), st.binary(max_size=200))
def test_garbage_behind_a_good_beginning_never_breaks_anything(head: bytes, tail: bytes) -> None:
    outcome(head + tail)
