"""DashScope's multimodal-embedding API, in both of its answers: one vector for each content, or one fused vector."""

from collections.abc import Sequence

import msgspec
import orjson

from sensorium.dataset.model_services.embedding_api import Rows, in_places, unreadable
from sensorium.dataset.model_services.media_uri import text_or_uri
from sensorium.errors import InvalidArgument, Reason, ResourceExhausted, SensoriumError, Unavailable
from sensorium.model.content import Content, Modality

_BUSY = "Throttling"
_AWAY = ("InternalError", "ServiceUnavailable", "GatewayTimeout")


class _Item(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Output(msgspec.Struct):
    embeddings: list[_Item] | None = None
    embedding: list[float] | None = None


class _Answer(msgspec.Struct):
    output: _Output | None = None
    code: str | int | None = None
    message: str | None = None


_READER = msgspec.json.Decoder(_Answer)


class DashScopeApi:
    """Implements `EmbeddingApi`: `POST {base}/services/embeddings/multimodal-embedding/multimodal-embedding`.

    Source: https://help.aliyun.com/zh/model-studio/multimodal-embedding-api-reference.
    """

    path = "/services/embeddings/multimodal-embedding/multimodal-embedding"

    def body(self, model: str, modality: Modality, contents: Sequence[Content], dimension: int) -> bytes:  # noqa: ARG002
        """Return `{model, input: {contents}, parameters}`; each content says its modality itself."""
        parameters = {"dimension": dimension} if dimension else {}
        parts = [each.parts[0] for each in contents]
        found = [{part.modality.value: text_or_uri(part)} for part in parts]
        asked = {"model": model, "input": {"contents": found}, "parameters": parameters}
        return orjson.dumps(asked)

    def rows(self, answer: bytes, count: int) -> Rows:
        """Return the vectors of `{output: {embeddings: [{index, embedding}]}}`, or of `{output: {embedding}}`."""
        try:
            read = _READER.decode(answer)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise unreadable(str(error)[:200]) from None
        if read.code:
            raise _hidden(str(read.code), read.message or "")
        output = read.output or _Output()
        if output.embeddings is not None:
            return in_places([(each.index, each.embedding) for each in output.embeddings], count)
        if output.embedding is None:
            raise unreadable("it has no output.embeddings")
        if count != 1:
            raise unreadable(f"it fused {count} contents into one vector: set the connection's batch_size to 1")
        return [output.embedding]


def _hidden(code: str, message: str) -> SensoriumError:
    """Return the error that came with a good status."""
    told = f"the service answers {code[:100]}: {message[:200]}"
    if code.startswith(_BUSY):
        return ResourceExhausted(told, reason=Reason.RATE_LIMITED)
    if code.startswith(_AWAY):
        return Unavailable(told, reason=Reason.BACKEND_UNAVAILABLE)
    return InvalidArgument(told, reason=Reason.CONTENT_REFUSED)
