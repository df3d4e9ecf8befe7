"""Puts media into URIs for embedding services: bytes as `data:`, what is on the web by its address."""

import base64

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Media, Modality, Part, TokenIds

# What files begin with, and the type that it means.
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_UNKNOWN = {Modality.IMAGE: "image/jpeg", Modality.AUDIO: "audio/wav", Modality.VIDEO: "video/mp4"}


def text_or_uri(part: Part) -> str:
    """Return what a service gets of a part: its text, or the URI of its media.

    Raises:
        InvalidArgument: OPTION_UNSUPPORTED: the text comes as token ids; URI_REFUSED, as `uri_of`.
    """
    match part.body:
        case Media() as media:
            return uri_of(media, part.modality)
        case TokenIds():
            raise InvalidArgument(
                "a model of a connection gets texts as they are, not as token ids",
                reason=Reason.OPTION_UNSUPPORTED,
                metadata={"option": "token_ids", "supported": "none"},
            )
        case text:
            return text


def uri_of(media: Media, modality: Modality) -> str:
    """Return the URI that a service gets.

    Raises:
        InvalidArgument: URI_REFUSED: the media is named by a URI that is of this mesh's own network or disks.
    """
    if media.data is not None:
        encoded = base64.b64encode(media.data).decode("ascii")
        return f"data:{media_type(media.data, modality)};base64,{encoded}"
    uri = media.uri or ""
    if not uri.lower().startswith(("http://", "https://", "data:")):
        raise InvalidArgument(
            "a model of a connection gets media by their bytes or by http(s): URIs alone", reason=Reason.URI_REFUSED
        )
    return uri


def media_type(content: bytes, modality: Modality) -> str:
    """Return the media type that the first bytes mean, or the commonest one of the modality."""
    if content.startswith(b"RIFF") and (riff := _RIFF.get(content[8:12])):
        return riff
    return next((kind for start, kind in _BEGINNINGS if content.startswith(start)), _UNKNOWN[modality])
