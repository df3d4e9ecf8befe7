"""Decodes a picture and scales it to any size, for people to look at. Pillow releases Python's lock meanwhile."""

import io
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from PIL import Image

from sensorium.errors import InvalidArgument
from sensorium.media.faults import too_long, undecodable
from sensorium.media.image import FORMATS, LARGE_PIXELS, one_large, orientation_of, rgb, scalable, told, upright

Size = tuple[int, int]
_TURNED = frozenset({5, 6, 7, 8})
_DRAFT = 2


@dataclass(frozen=True, slots=True)
class Scaling:
    """The size of what is wanted in pixels, and of the part in the middle that it shows."""

    size: Size
    shown: Size


def scaled(data: bytes, max_pixels: int, scaling: Callable[[Size], Scaling]) -> Image.Image:
    """Return a picture in red, green and blue, as the camera saw it; of several frames the first.

    Args:
        data: JPEG, PNG, BMP, TIFF, GIF or WebP.
        max_pixels: Width x height of the picture as it is encoded, at most.
        scaling: Says what is wanted of a picture of some size.

    Raises:
        InvalidArgument: MEDIA_UNDECODABLE, or CONTENT_TOO_LONG in pixels.
    """
    try:
        return _scaled(data, max_pixels, scaling)
    except InvalidArgument:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything for damaged files.
        raise undecodable(f"is no image that can be decoded: {told(error)}") from error


def _scaled(data: bytes, max_pixels: int, scaling: Callable[[Size], Scaling]) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise too_long(width * height, max_pixels, "pixels")
        orientation = orientation_of(image)
        turned = orientation in _TURNED
        wanted = scaling(_turn((width, height), turned=turned))
        size, shown = _turn(wanted.size, turned=turned), _turn(wanted.shown, turned=turned)
        # A JPEG is decoded at a fraction of its size that is still twice what is wanted.
        image.draft(None, (_DRAFT * size[0] * width // shown[0] + 1, _DRAFT * size[1] * height // shown[1] + 1))
        with one_large if width * height > LARGE_PIXELS else nullcontext():
            share = (shown[0] / width, shown[1] / height)
            part = scalable(image).resize(size, Image.Resampling.BICUBIC, _middle(image.size, share))
        return upright(rgb(part), orientation)


def _turn(size: Size, *, turned: bool) -> Size:
    return (size[1], size[0]) if turned else size


def _middle(size: Size, share: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return the box in the middle that has a share of both sides."""
    left, top = size[0] * (1 - share[0]) / 2, size[1] * (1 - share[1]) / 2
    return (left, top, size[0] - left, size[1] - top)
