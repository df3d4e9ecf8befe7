"""Makes thumbnails: how large one is by its mode, and the JPEG."""

import io
from functools import partial

from PIL import Image

from sensorium.dataset.thumbnail_mode import MOST_PIXELS, Fit, ThumbnailMode
from sensorium.media.picture import Scaling, Size, scaled
from sensorium.model.dataset_file import Thumbnail

CONTENT_TYPE = "image/jpeg"
_QUALITY = 85


def thumbnail(data: bytes, mode: ThumbnailMode, max_pixels: int) -> Thumbnail:
    """Return a small picture of an encoded one; what is transparent shows white.

    `pad`, `fill` and `fixed` have the size that they name; others keep the shape, are never enlarged, and have at most
    4,096 pixels a side.

    Raises:
        InvalidArgument: MEDIA_UNDECODABLE, or CONTENT_TOO_LONG in pixels.
    """
    picture = scaled(data, max_pixels, partial(scaling, mode))
    if mode.fit is Fit.PAD:
        picture = _padded(picture, mode)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=_QUALITY)
    return Thumbnail(encoded.getvalue(), CONTENT_TYPE, picture.width, picture.height)


def scaling(mode: ThumbnailMode, size: Size) -> Scaling:
    """Return what a mode makes of a picture of some size, before it is padded."""
    width, height = size
    match mode.fit:
        case Fit.FIXED:
            return Scaling((mode.width, mode.height), size)
        case Fit.FILL:
            factor = min(width / mode.width, height / mode.height)
            return Scaling((mode.width, mode.height), _at_least_one(mode.width * factor, mode.height * factor))
        case _:
            wanted = [MOST_PIXELS / width, MOST_PIXELS / height, (mode.percent or 100) / 100]
            wanted += [mode.width / width] if mode.width else []
            wanted += [mode.height / height] if mode.height else []
            return Scaling(_at_least_one(width * min(wanted), height * min(wanted)), size)


def _at_least_one(width: float, height: float) -> Size:
    return max(1, round(width)), max(1, round(height))


def _padded(picture: Image.Image, mode: ThumbnailMode) -> Image.Image:
    whole = Image.new("RGB", (mode.width, mode.height), f"#{mode.colour}")
    whole.paste(picture, ((mode.width - picture.width) // 2, (mode.height - picture.height) // 2))
    return whole
