"""The embeddings API of OpenAI, with the `modality` that servers like Infinity and this mesh add to it."""

from collections.abc import Sequence

import msgspec
import orjson

from sensorium.dataset.model_services.embedding_api import Rows, in_places, unreadable
from sensorium.dataset.model_services.media_uri import text_or_uri
from sensorium.model.content import Content, Modality


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
            "input": [text_or_uri(each.parts[0]) for each in contents],
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
