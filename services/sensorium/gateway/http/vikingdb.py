"""The VikingDB family of `volcengine.viking_db`: embeddings of both versions, the list of models, and the ping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sensorium.errors import InvalidArgument, Reason
from sensorium.gateway.http.call import HttpCall, Reply
from sensorium.gateway.http.embeddings import Embedded, Embeddings, Placed
from sensorium.gateway.http.family import EMBED, LIST_MODELS, Family, Operation
from sensorium.gateway.http.models import NamedModel
from sensorium.gateway.http.parts import media_part
from sensorium.gateway.http.payload import read_json, to_json
from sensorium.gateway.http.signed import SignedCredentials
from sensorium.gateway.http.vectors import floats, sparse_by_token
from sensorium.gateway.http.vikingdb_envelope import vikingdb_envelope
from sensorium.model.content import Content, Modality, Part
from sensorium.model.embedding import EmbedOptions, OutputKind

MAX_ITEMS = 100

_NAMES = {"options.outputs": "model.params", "contents": "data"}


@dataclass(frozen=True, slots=True)
class ModelParams:
    """What is asked of the model."""

    return_token_usage: bool | None = None
    return_dense: bool | None = None
    return_sparse: bool | None = None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model, and what of it."""

    model_name: str
    params: ModelParams | None = None


@dataclass(frozen=True, slots=True)
class RawData:
    """One item: a text, an image in base64, or both."""

    data_type: Literal["text", "image", "text-image"]
    text: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingBody:
    """What is posted to `/api/data/embedding/version/2`."""

    model: ModelChoice
    data: list[RawData]


class VikingDb:
    """Embeds for clients of `VikingDBService`.

    Args:
        embeddings: Embeds.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings

    async def embed(self, call: HttpCall) -> Reply:
        """Answer version 2: dense and sparse vectors beside each other, and the usage where it is asked for."""
        body = read_json(call.body, EmbeddingBody)
        params = body.model.params or ModelParams()
        named = await self._embeddings.models.find(body.model.model_name)
        made = await self._made(call, body, _outputs(params, named))
        good = made.all_good()
        dense = [floats(each) for each in good if each.dense]
        sparse = [sparse_by_token(each.sparse) for each in good if each.sparse]
        found: dict[str, object] = {}
        if dense:
            found["sentence_dense_embedding"] = dense
        if sparse:
            found["sentence_sparse_embedding"] = sparse
        if params.return_token_usage:
            found["token_usage"] = _token_usage(made)
        return _reply(call, found, made.usage.token_count)

    async def embed_first(self, call: HttpCall) -> Reply:
        """Answer version 1: a list of dense vectors."""
        made = await self._made(call, read_json(call.body, EmbeddingBody), (OutputKind.DENSE,))
        return _reply(call, [floats(each) for each in made.all_good()], made.usage.token_count)

    async def list_models(self, call: HttpCall) -> Reply:
        """Answer with the models, or the one that `model_name` names."""
        wanted = read_json(call.body or b"{}", ModelQuery).model_name
        models = [
            {"model_name": info.name, "dim": info.dimension, "max_token": info.max_token_count}
            for info in await self._embeddings.models.all()
            if wanted in {"", info.name}
        ]
        return _reply(call, {"models": models}, 0)

    async def ping(self, call: HttpCall) -> Reply:
        """Answer that we are here: the SDK cannot be made without."""
        return _reply(call, {}, 0)

    async def _made(self, call: HttpCall, body: EmbeddingBody, outputs: Sequence[OutputKind]) -> Embedded:
        if not 1 <= len(body.data) <= MAX_ITEMS:
            message = f"data: 1 to {MAX_ITEMS} items, not {len(body.data)}"
            raise InvalidArgument(message, reason=Reason.TOO_MANY_ITEMS, field="data")
        contents = [_content(item, f"data[{index}]") for index, item in enumerate(body.data)]
        options = EmbedOptions(outputs=tuple(outputs))
        return await self._embeddings.of(call, contents, body.model.model_name, options, _NAMES)


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """What models are asked for; empty is all."""

    model_name: str = ""


def vikingdb_families(embeddings: Embeddings, credentials: SignedCredentials) -> Sequence[Family]:
    """Return the family, and the ping, which lives elsewhere."""
    answers = VikingDb(embeddings)
    both = ("POST", "GET")
    example = {"model": {"model_name": "all-minilm-l6-v2"}, "data": [{"data_type": "text", "text": "a red bicycle"}]}
    operations = (
        Operation(
            both, "/embedding/version/2", answers.embed, EMBED, "Embed up to 100 items.", EmbeddingBody,
            example=example,
        ),
        Operation(both, "/embedding", answers.embed_first, EMBED, "Embed, in version 1.", EmbeddingBody),
        Operation(
            ("GET", "POST"), "/list_embedding_models", answers.list_models, LIST_MODELS, "List the models.", ModelQuery
        ),
    )  # fmt: skip
    ping = Operation(("GET",), "/data/ping", answers.ping, LIST_MODELS, "Tell that the server is there.")
    return (
        Family("vikingdb", ("/api/data",), operations, credentials, vikingdb_envelope, also=("/api/index",)),
        Family("vikingdb-ping", ("/api/viking_db",), (ping,), credentials, vikingdb_envelope),
    )


def _outputs(params: ModelParams, named: NamedModel) -> tuple[OutputKind, ...]:
    """Return what is asked for: unless said otherwise all that the model gives."""
    sparse = OutputKind.SPARSE in named.info.outputs if params.return_sparse is None else params.return_sparse
    outputs = (
        *((OutputKind.DENSE,) if params.return_dense in {None, True} else ()),
        *((OutputKind.SPARSE,) if sparse else ()),
    )
    if not outputs:
        raise InvalidArgument("model.params: neither dense nor sparse vectors are asked for", field="model.params")
    return outputs


def _content(item: RawData, place: str) -> Placed:
    wanted: Mapping[str, str | None] = {"text": item.text, "image": item.image}
    kinds = item.data_type.split("-")
    missing = [kind for kind in kinds if not wanted[kind]]
    if missing:
        message = f"{place}.{missing[0]}: is missing, though data_type is {item.data_type}"
        raise InvalidArgument(message, reason=Reason.CONTENT_EMPTY, field=f"{place}.{missing[0]}")
    text = (Part.of_text(item.text),) if item.text and "text" in kinds else ()
    image = (media_part(Modality.IMAGE, item.image, f"{place}.image"),) if item.image and "image" in kinds else ()
    return Placed(Content((*text, *image)), place)


def _token_usage(made: Embedded) -> dict[str, int]:
    tokens = made.usage.token_count
    return {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}


def _reply(call: HttpCall, found: object, tokens: int) -> Reply:
    answer = {"code": 0, "message": "success", "request_id": call.request_id, "data": found}
    return Reply(to_json(answer), tokens=tokens)
