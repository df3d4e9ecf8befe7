"""Decodes pictures into squares of pixels. Pillow releases Python's lock while it decodes and scales."""

import io
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sensorium.errors import InvalidArgument
from sensorium.media.decoded import Decoded
from sensorium.media.faults import too_long, undecodable

Layout = Literal["NCHW", "NHWC"]
Fit = Literal["crop", "squash"]
Resample = Literal["bicubic", "bilinear", "lanczos", "box"]
Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP")
_ORIENTATION = 0x0112  # EXIF tag; the value says how the camera was held
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}
_DRAFT = 1.5  # a JPEG is decoded at a fraction of its size as long as that is this many times what is wanted
LARGE_PIXELS = 8_000_000
# Pictures beyond LARGE_PIXELS are decoded one at a time, so that a flood of them takes the memory of one.
one_large = threading.Lock()

# The limit of each card is checked before anything is decoded; Pillow's own would warn, and know no card.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True)
class ImageDecoder:
    """Makes uint8 RGB, [3, size, size] or [size, size, 3], of JPEG, PNG, BMP, TIFF, GIF (first frame) and WebP.

    EXIF orientation is applied, transparency lies on white, and what has more than 8 bits is scaled to them.

    Attributes:
        size: The side of the square, in pixels.
        layout: Whether the channels come first or last.
        fit: Whether the centred square is taken, or both sides are scaled.
        resample: The filter, antialiased.
        max_bytes: The largest file.
        max_pixels: Width x height of the picture as it is encoded.
    """

    size: int
    layout: Layout = "NCHW"
    fit: Fit = "crop"
    resample: Resample = "bicubic"
    max_bytes: int = 20 << 20
    max_pixels: int = 40_000_000

    def decode(self, data: bytes) -> Decoded:
        """Return the pixels.

        Raises:
            InvalidArgument: MEDIA_UNDECODABLE, or CONTENT_TOO_LONG in pixels.
        """
        try:
            pixels = self._pixels(data)
        except InvalidArgument:
            raise
        except Exception as error:  # Pillow's decoders raise nearly anything for damaged files
            raise undecodable(f"is no image that can be decoded: {told(error)}") from error
        return Decoded(pixels if self.layout == "NHWC" else np.ascontiguousarray(pixels.transpose(2, 0, 1)))

    def _pixels(self, data: bytes) -> Pixels:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            self._check_pixels(image)
            side = round(self.size * _DRAFT)
            image.draft(None, (side, side))
            with one_large if image.width * image.height > LARGE_PIXELS else nullcontext():
                square = scalable(image).resize(
                    (self.size, self.size), _FILTERS[self.resample], self._box(image.width, image.height)
                )
            return np.asarray(upright(rgb(square), orientation_of(image)))

    def _check_pixels(self, image: Image.Image) -> None:
        pixels = image.width * image.height
        if pixels > self.max_pixels:
            raise too_long(pixels, self.max_pixels, "pixels")

    def _box(self, width: int, height: int) -> Box:
        if self.fit == "squash":
            return (0, 0, width, height)
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return (left, top, left + side, top + side)


def scalable(image: Image.Image) -> Image.Image:
    """Return the picture in a mode whose values may be averaged: no palette, no single bits, no 16 bits."""
    match image.mode:
        case "P" | "PA":
            return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
        case "1":
            return image.convert("L")
        case "I" | "F":
            return Image.fromarray(_stretched(np.asarray(image)))
        case mode if mode.startswith("I;16"):
            return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        case "RGB" | "L" if "transparency" in image.info:  # one colour means transparent
            return image.convert("RGBA")
        case _:
            return image


def _stretched(values: NDArray[np.generic]) -> Pixels:
    """Return values of 32 bits, whose range nobody states, scaled from the least to the greatest."""
    numbers = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    least, greatest = float(numbers.min()), float(numbers.max())
    return ((numbers - least) * (255 / max(greatest - least, 1e-30))).astype(np.uint8)


def rgb(image: Image.Image) -> Image.Image:
    """Return the picture in red, green and blue; what is transparent shows white."""
    if image.mode in {"RGBA", "LA", "RGBa", "La"}:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return image.convert("RGB")


def orientation_of(image: Image.Image) -> int:
    """Return how the camera was held, 1 to 8 in EXIF's words; 1 is upright."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF spoils no picture; Pillow raises nearly anything for it
        return 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture as the camera saw it."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def told(error: Exception) -> str:
    """Return what Pillow says, without the object that it prints when it knows no format."""
    if isinstance(error, UnidentifiedImageError):
        return f"it is none of {', '.join(FORMATS)}"
    return str(error) or type(error).__name__
