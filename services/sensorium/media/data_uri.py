"""Reads `data:` URIs (RFC 2397). The media type that they state is not believed, so it is not read."""

import base64
import binascii
from urllib.parse import unquote_to_bytes

from sensorium.media.faults import refused, too_long


def read_data_uri(uri: str, max_bytes: int) -> bytes:
    """Return what the URI holds.

    Raises:
        InvalidArgument: URI_REFUSED, or CONTENT_TOO_LONG.
    """
    header, comma, body = uri.partition(",")
    if not comma:
        raise refused("is a data: URI without a comma")
    if len(body) > 4 * max_bytes + 1024:  # a byte takes three characters at most
        raise too_long(len(body) // 4, max_bytes, "bytes")
    content = unquote_to_bytes(body)
    if header.lower().endswith(";base64"):
        content = _decoded(content)
    if len(content) > max_bytes:
        raise too_long(len(content), max_bytes, "bytes")
    return content


def _decoded(content: bytes) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise refused(f"is a data: URI whose base64 is damaged: {error}") from None
