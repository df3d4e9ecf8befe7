"""Contents on the wire: weighted parts of text or media."""

import math

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.v1 import types_pb2

_MODALITIES = {each.value: each for each in Modality}


def content_from_proto(content: types_pb2.Content, field: str) -> Content:
    """Return the content at `field`.

    Raises:
        InvalidArgument: It has no parts, or one of them is wrong; names the field at fault.
    """
    if not content.parts:
        raise InvalidArgument(f"{field}: has no parts", reason=Reason.CONTENT_EMPTY, field=field)
    return Content(tuple(part_from_proto(part, f"{field}.parts[{i}]") for i, part in enumerate(content.parts)))


def content_to_proto(content: Content) -> types_pb2.Content:
    """Return the message for `content`."""
    return types_pb2.Content(parts=[part_to_proto(part) for part in content.parts])


def part_from_proto(part: types_pb2.Part, field: str) -> Part:
    """Return the part at `field`.

    Raises:
        InvalidArgument: It holds nothing, or its weight is not a number > 0.
    """
    weight = part.weight if part.HasField("weight") else 1.0
    if not (weight > 0 and math.isfinite(weight)):
        where = f"{field}.weight"
        raise InvalidArgument(f"{where}: must be a finite number > 0, not {weight:g}", field=where)
    kind = part.WhichOneof("kind")
    if kind == "text":
        return Part(Modality.TEXT, part.text, weight)
    if kind is None:
        raise InvalidArgument(
            f"{field}: one of text, image, audio and video must be set", reason=Reason.CONTENT_EMPTY, field=field
        )
    return Part(_MODALITIES[kind], media_from_proto(getattr(part, kind), f"{field}.{kind}"), weight)


def part_to_proto(part: Part) -> types_pb2.Part:
    """Return the message for `part`; the weight 1 is left out."""
    message = types_pb2.Part()
    if part.weight != 1.0:
        message.weight = part.weight
    match part.body:
        case str(text):
            message.text = text
        case Media() as media:
            getattr(message, part.modality.value).CopyFrom(media_to_proto(media))
    return message


def media_from_proto(media: types_pb2.Media, field: str) -> Media:
    """Return the media at `field`.

    Raises:
        InvalidArgument: Neither bytes nor a URI is set.
    """
    match media.WhichOneof("source"):
        case "data":
            return Media(data=media.data)
        case "uri":
            return Media(uri=media.uri)
    raise InvalidArgument(f"{field}: one of data and uri must be set", reason=Reason.CONTENT_EMPTY, field=field)


def media_to_proto(media: Media) -> types_pb2.Media:
    """Return the message for `media`."""
    return types_pb2.Media(uri=media.uri or "") if media.data is None else types_pb2.Media(data=media.data)
