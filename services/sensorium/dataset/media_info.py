"""Reads what a file says of itself: its size in pixels or its length, its format."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import soundfile
from PIL import Image, UnidentifiedImageError

from sensorium.errors import InvalidArgument, Reason
from sensorium.media.audio import said
from sensorium.model.document import AttributeValue

HEAD_BYTES = 64 << 10

# The attributes that are read from files; all others were given by callers.
READ_ATTRIBUTES = frozenset({"format", "mode", "sample_rate", "channels"})

# The formats that an import takes, by the end of their names.
CONTENT_TYPES: Mapping[str, str] = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "txt": "text/plain",
    "md": "text/markdown",
}
_IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file says of itself; 0 is unknown."""

    width: int = 0
    height: int = 0
    duration_ms: int = 0
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


NOTHING = MediaInfo()


def content_type_of(path: str) -> str:
    """Return the MIME type of a path by the end of its name; empty when the format is not known."""
    return CONTENT_TYPES.get(path.rpartition(".")[2].lower(), "")


def image_info(encoded: bytes) -> MediaInfo:
    """Return size and format of an image, of which the head is enough as a rule.

    Raises:
        InvalidArgument: MEDIA_UNDECODABLE.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=_IMAGE_FORMATS) as image:
            return MediaInfo(image.width, image.height, attributes={"format": image.format or "", "mode": image.mode})
    except Exception as error:  # Decoders raise whatever they like on damaged bytes.
        unknown = isinstance(error, UnidentifiedImageError)
        raise _undecodable("image", "no known format, or damaged" if unknown else str(error)) from error


def audio_info(encoded: bytes) -> MediaInfo:
    """Return length and format of a sound.

    Raises:
        InvalidArgument: MEDIA_UNDECODABLE.
    """
    try:
        found = soundfile.info(io.BytesIO(encoded))
    except Exception as error:  # As above.
        raise _undecodable("sound", said(error)) from error
    about: dict[str, AttributeValue] = {
        "format": found.format,
        "sample_rate": found.samplerate,
        "channels": found.channels,
    }
    return MediaInfo(duration_ms=round(found.duration * 1000), attributes=about)


def _undecodable(what: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"the {what} cannot be decoded: {why}", reason=Reason.MEDIA_UNDECODABLE)
