"""Texts and media as clients write them (URLs, data URIs, bare base64) become parts of contents."""

import base64
import binascii

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Media, Modality, Part

_SCHEMES = ("data:", "http:", "https:", "file:", "s3:", "oss:")


def media_part(modality: Modality, value: str, field: str, weight: float = 1.0) -> Part:
    """Return an image, a sound or a video by its URI, or of bytes in base64.

    Raises:
        InvalidArgument: MEDIA_UNDECODABLE: it is neither.
    """
    if value[:6].lower().startswith(_SCHEMES):
        return Part(modality, Media(uri=value), weight)
    return Part(modality, Media(data=from_base64(value, field)), weight)


def from_base64(value: str, field: str) -> bytes:
    """Return the bytes of a text in base64. Raises InvalidArgument: MEDIA_UNDECODABLE."""
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise InvalidArgument(
            f"{field}: neither a URL, nor a data: URI, nor base64", reason=Reason.MEDIA_UNDECODABLE, field=field
        ) from None
