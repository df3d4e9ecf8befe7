"""Contents on the wire: weighted parts of text or media.

Reading never fails: what is not set becomes an empty text or a media without a source, which whoever embeds the
content refuses for that item alone, with all else that can be wrong with it.
"""

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Media, Modality, Part, TokenIds
from sensorium.v1 import types_pb2

_MODALITIES = {each.value: each for each in Modality}


def content_from_proto(content: types_pb2.Content) -> Content:
    """Return the content that the message holds."""
    return Content(tuple([part_from_proto(part) for part in content.parts]))


def content_to_proto(content: Content) -> types_pb2.Content:
    """Return the message for `content`.

    Raises:
        InvalidArgument: A text cannot be written in UTF-8.
    """
    try:
        return types_pb2.Content(parts=[part_to_proto(part) for part in content.parts])
    except UnicodeEncodeError as error:
        raise InvalidArgument("a text is not valid Unicode", reason=Reason.REQUEST_MALFORMED) from error


def part_from_proto(part: types_pb2.Part) -> Part:
    """Return the part that the message holds; one that holds nothing is an empty text."""
    weight = part.weight if part.HasField("weight") else 1.0
    kind = part.WhichOneof("kind")
    if kind == "text" or kind is None:
        return Part(Modality.TEXT, part.text, weight)
    if kind == "token_ids":
        return Part(Modality.TEXT, TokenIds(tuple(part.token_ids.ids)), weight)
    return Part(_MODALITIES[kind], media_from_proto(getattr(part, kind)), weight)


def part_to_proto(part: Part) -> types_pb2.Part:
    """Return the message for `part`; the weight 1 is left out."""
    message = types_pb2.Part()
    if part.weight != 1.0:
        message.weight = part.weight
    match part.body:
        case str(text):
            message.text = text
        case TokenIds(ids):
            message.token_ids.ids.extend(ids)
            message.token_ids.SetInParent()
        case Media() as media:
            getattr(message, part.modality.value).CopyFrom(media_to_proto(media))
    return message


def media_from_proto(media: types_pb2.Media) -> Media:
    """Return the media that the message holds."""
    match media.WhichOneof("source"):
        case "data":
            return Media(data=media.data)
        case "uri":
            return Media(uri=media.uri)
        case _:
            return Media()


def media_to_proto(media: Media) -> types_pb2.Media:
    """Return the message for `media`."""
    if media.data is not None:
        return types_pb2.Media(data=media.data)
    return types_pb2.Media(uri=media.uri) if media.uri is not None else types_pb2.Media()
