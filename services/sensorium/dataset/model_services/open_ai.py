"""The embeddings API of OpenAI, with the `modality` that servers like Infinity and this mesh add to it."""

from collections.abc import Sequence

import msgspec
import orjson

from sensorium.dataset.model_services.embedding_api import Rows, in_places, unreadable
from sensorium.dataset.model_services.media_uri import uri_of
from sensorium.model.content import Content, Media, Modality


class _Item(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Item]


_READER = msgspec.json.Decoder(_Answer)


class OpenAiApi:
    """Implements `EmbeddingApi`: `POST {base}/embeddings`, https://platform.openai.com/docs/api-reference/embeddings."""

    path = "/embeddings"

    def body(self, model: str, modality: Modality, contents: Sequence[Content], dimension: int) -> bytes:
        """Return `{model, input, encoding_format}`; texts need no `modality`, and OpenAI refuses fields of others."""
        asked: dict[str, object] = {
            "model": model,
            "input": [_input(each) for each in contents],
            "encoding_format": "float",
        }
        if dimension:
            asked["dimensions"] = dimension
        if modality is not Modality.TEXT:
            asked["modality"] = modality.value
        return orjson.dumps(asked)

    def rows(self, answer: bytes, count: int) -> Rows:
        """Return the vectors of `{data: [{index, embedding}]}`."""
        try:
            read = _READER.decode(answer)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise unreadable(str(error)[:200]) from None
        return in_places([(each.index, each.embedding) for each in read.data], count)


def _input(content: Content) -> str:
    part = content.parts[0]
    match part.body:
        case Media() as media:
            return uri_of(media, part.modality)
        case text:
            return text
