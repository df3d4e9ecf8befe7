"""The embedding API of models that PAI-EAS serves, whose answers tell their status in the body."""

from collections.abc import Sequence

import msgspec
import orjson

from sensorium.dataset.model_services.embedding_api import Rows, in_places, unreadable
from sensorium.dataset.model_services.media_uri import text_or_uri
from sensorium.errors import InvalidArgument, Reason, ResourceExhausted, SensoriumError, Unavailable
from sensorium.model.content import Content, Modality

_GOOD = {200, 204}  # 204: some of the contents have no vector
_BUSY = {408, 425, 429}
_DENIED = {401, 403}


class _Item(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Output(msgspec.Struct):
    embeddings: list[_Item] = []


class _Answer(msgspec.Struct):
    status_code: int = 200
    message: str | list[str] | None = None
    output: _Output | None = None


_READER = msgspec.json.Decoder(_Answer)


class EasApi:
    """Implements `EmbeddingApi`: `POST {base}`, the address of the service itself.

    Source: https://help.aliyun.com/zh/pai/, multimodal data management, "invoke the service".
    """

    path = ""

    def body(self, model: str, modality: Modality, contents: Sequence[Content], dimension: int) -> bytes:  # noqa: ARG002
        """Return `{model, input: {contents}}`; each content says its modality itself, and no dimension is taken."""
        parts = [each.parts[0] for each in contents]
        found = [{part.modality.value: text_or_uri(part)} for part in parts]
        return orjson.dumps({"model": model, "input": {"contents": found}})

    def rows(self, answer: bytes, count: int) -> Rows:
        """Return the vectors of `{status_code, output: {embeddings: [{index, embedding}]}}`."""
        try:
            read = _READER.decode(answer)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise unreadable(str(error)[:200]) from None
        if read.status_code not in _GOOD:
            raise _hidden(read.status_code, read.message)
        if read.output is None:
            raise unreadable("it has no output")
        return in_places([(each.index, each.embedding) for each in read.output.embeddings], count)


def _hidden(status: int, message: str | list[str] | None) -> SensoriumError:
    """Return the error that came with a good status of HTTP."""
    why = message if isinstance(message, str) else "; ".join(message or ())
    told = f"the service answers {status}: {why[:200]}"
    if status in _BUSY:
        return ResourceExhausted(told, reason=Reason.RATE_LIMITED)
    if status >= 500:
        return Unavailable(told, reason=Reason.BACKEND_UNAVAILABLE)
    if status in _DENIED:
        return unreadable(told)
    return InvalidArgument(told, reason=Reason.CONTENT_REFUSED)
