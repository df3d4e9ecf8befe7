"""Images and sounds as a caller has them: bytes, a file here, or a URI that the mesh can reach."""

import re
from pathlib import Path

from sensorium.model.content import Media, Modality, Part

_URI = re.compile(r"(data|https?|file|s3|oss):", re.IGNORECASE)


def image(source: bytes | str | Path, *, weight: float = 1.0) -> Part:
    """Return an image: JPEG, PNG, BMP, TIFF, GIF or WebP.

    Args:
        source: The file's bytes; the path of a file here, which is read and sent; or a URI (`data:`, `http:`, `https:`,
            `file:`, `s3:`, `oss:`), which the mesh reads.
        weight: How much it counts beside other parts; > 0.

    Raises:
        OSError: The file cannot be read.
    """
    return Part(Modality.IMAGE, _media(source), weight)


def audio(source: bytes | str | Path, *, weight: float = 1.0) -> Part:
    """Return a sound: WAV, FLAC, Ogg or MP3; the arguments are those of `image`.

    Raises:
        OSError: The file cannot be read.
    """
    return Part(Modality.AUDIO, _media(source), weight)


def _media(source: bytes | str | Path) -> Media:
    match source:
        case bytes():
            return Media(data=source)
        case str() if _URI.match(source):
            return Media(uri=source)
        case _:
            return Media(data=Path(source).read_bytes())
