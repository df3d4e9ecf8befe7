"""The DashScope family: multimodal and text embeddings, models, and leave to upload."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from sensorium.errors import InvalidArgument, NotFound, Reason
from sensorium.gateway.http.call import HttpCall, Reply
from sensorium.gateway.http.dashscope_contents import DashScopeContents, Element, InputContents
from sensorium.gateway.http.dashscope_envelope import dashscope_envelope
from sensorium.gateway.http.dashscope_usage import counted_usage, weighted_usage
from sensorium.gateway.http.embeddings import Embedded, Embeddings, Placed
from sensorium.gateway.http.family import EMBED, LIST_MODELS, Family, Operation
from sensorium.gateway.http.payload import read_json, to_json
from sensorium.gateway.http.tokens import TokenCredentials
from sensorium.gateway.http.uploads import Uploads
from sensorium.gateway.http.vectors import floats, sparse_items
from sensorium.model.content import Content
from sensorium.model.embedding import Embedding, EmbedOptions, EmbedRole, Fusion, OutputKind, Truncation

PREFIX = "/api/v1"
ONE_PEACE = "multimodal-embedding-one-peace-v1"

OutputType = Literal["dense", "sparse", "dense&sparse"]
Whole = Annotated[int, Meta(ge=0)]

_NAMES = {
    "options.dimension": "parameters.dimension",
    "options.instruction": "parameters.instruct",
    "options.outputs": "parameters.output_type",
    "options.fusion": "parameters.enable_fusion",
}
_OUTPUTS: Mapping[OutputType, tuple[OutputKind, ...]] = {
    "dense": (OutputKind.DENSE,),
    "sparse": (OutputKind.SPARSE,),
    "dense&sparse": (OutputKind.DENSE, OutputKind.SPARSE),
}
_ROLES = {"query": EmbedRole.QUERY, "document": EmbedRole.DOCUMENT}
_FUSED = "fused"  # The type of a vector of several contents; the vendor's own word for it is not documented.
_MAX_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class MultimodalParameters:
    """How contents are embedded; `fps`, `res_level` and `max_video_frames` are for videos and left to the model."""

    auto_truncation: bool | None = None
    dimension: Whole | None = None
    output_type: OutputType | None = None
    instruct: str | None = None
    enable_fusion: bool | None = None
    fps: Annotated[float, Meta(ge=0, le=1)] | None = None
    res_level: Annotated[int, Meta(ge=0, le=3)] | None = None
    max_video_frames: Annotated[int, Meta(ge=1, le=64)] | None = None


@dataclass(frozen=True, slots=True)
class MultimodalBody:
    """What is posted to the multimodal embedding."""

    model: str
    input: InputContents
    parameters: MultimodalParameters | None = None


@dataclass(frozen=True, slots=True)
class TextParameters:
    """How texts are embedded."""

    text_type: Literal["query", "document"] | None = None
    dimension: Whole | None = None
    output_type: OutputType | None = None
    instruct: str | None = None


@dataclass(frozen=True, slots=True)
class InputTexts:
    """The texts."""

    texts: list[str] | str


@dataclass(frozen=True, slots=True)
class TextBody:
    """What is posted to the text embedding."""

    model: str
    input: InputTexts
    parameters: TextParameters | None = None


class DashScope:
    """Embeds for clients of DashScope.

    Args:
        embeddings: Embeds.
        contents: Reads what they send.
    """

    def __init__(self, embeddings: Embeddings, contents: DashScopeContents) -> None:
        self._embeddings = embeddings
        self._contents = contents

    async def multimodal(self, call: HttpCall) -> Reply:
        """Answer the multimodal embedding: one fused vector of ONE-PEACE, of other models one for each content."""
        body = read_json(call.body, MultimodalBody)
        parameters = body.parameters or MultimodalParameters()
        one_peace = body.model == ONE_PEACE
        elements = await self._contents.read(call, body.input, cut=_cut(parameters) if one_peace else None)
        fused = one_peace or bool(parameters.enable_fusion)
        placed = [_fused(elements)] if fused else [Placed(Content(each.parts), each.place) for each in elements]
        options = _multimodal_options(parameters, Fusion.AVERAGE if one_peace else None, refuse=one_peace)
        made = await self._embeddings.of(call, placed, body.model, options, _NAMES | {"contents": "input.contents"})
        good = made.all_good()
        output: Mapping[str, object]
        if one_peace:
            output, usage = {"embedding": floats(good[0])}, weighted_usage(elements)
        else:
            types = [_FUSED] if fused else [each.type for each in elements]
            output = {"embeddings": [_item(index, *pair) for index, pair in enumerate(zip(good, types, strict=True))]}
            usage = counted_usage(elements, made.usage.token_count)
        return _reply(call, output, usage, made)

    async def text(self, call: HttpCall) -> Reply:
        """Answer the text embedding."""
        body = read_json(call.body, TextBody)
        parameters = body.parameters or TextParameters()
        texts = [body.input.texts] if isinstance(body.input.texts, str) else body.input.texts
        placed = [Placed(Content.of_text(text), f"input.texts[{index}]") for index, text in enumerate(texts)]
        names = {**_NAMES, "options.role": "parameters.text_type", "contents": "input.texts"}
        options = EmbedOptions(
            role=_ROLES.get(parameters.text_type or ""),
            instruction=parameters.instruct or "",
            outputs=_OUTPUTS[parameters.output_type or "dense"],
            dimension=parameters.dimension or 0,
        )
        made = await self._embeddings.of(call, placed, body.model, options, names)
        vectors = [{"text_index": index, **_vectors(embedding)} for index, embedding in enumerate(made.all_good())]
        return _reply(call, {"embeddings": vectors}, {"total_tokens": made.usage.token_count}, made)

    async def list_models(self, call: HttpCall) -> Reply:
        """Answer `GET /models`, by pages, or with the one that `model` names."""
        query = call.arrival.query
        page, size = _count(query.get("page_no"), "page_no", 1), _count(query.get("page_size"), "page_size", 10)
        size = min(size, _MAX_PAGE_SIZE)
        wanted = query.get("model")
        names = [each.name for each in await self._embeddings.models.all() if wanted in {None, each.name}]
        shown = [{"model": name} for name in names[(page - 1) * size : page * size]]
        output = {"total": len(names), "page_no": page, "page_size": size, "models": shown}
        return Reply(to_json({"output": output, "request_id": call.request_id}))

    async def get_model(self, call: HttpCall) -> Reply:
        """Answer `GET /models/{id}`."""
        named = await self._embeddings.models.find(call.params["id"])
        return Reply(to_json({"output": {"model": named.name}, "request_id": call.request_id}))

    async def converse(self, call: HttpCall) -> Reply:
        """Answer the multimodal conversation: no conversation model is served."""
        body = read_json(call.body, ConversationBody)
        message = f"there is no conversation model {body.model!r}"
        raise NotFound(message, reason=Reason.MODEL_NOT_FOUND, field="model", metadata={"model": body.model})


@dataclass(frozen=True, slots=True)
class ConversationBody:
    """What is posted to the conversation; a stream is asked for by `X-DashScope-SSE`."""

    model: str


def dashscope_family(embeddings: Embeddings, uploads: Uploads) -> Family:
    """Return the family."""
    answers = DashScope(embeddings, DashScopeContents(uploads))
    multimodal = {"model": "all-minilm-l6-v2", "input": {"contents": [{"text": "a red bicycle"}]}, "parameters": {}}
    text = {"model": "all-minilm-l6-v2", "input": {"texts": ["a red bicycle"]}, "parameters": {}}
    operations = (
        Operation(
            ("POST",),
            "/services/embeddings/multimodal-embedding/multimodal-embedding",
            answers.multimodal,
            EMBED,
            "Embed texts, images, sounds and videos.",
            MultimodalBody,
            example=multimodal,
        ),
        Operation(
            ("POST",),
            "/services/embeddings/text-embedding/text-embedding",
            answers.text,
            EMBED,
            "Embed texts.",
            TextBody,
            example=text,
        ),
        Operation(
            ("POST",),
            "/services/aigc/multimodal-generation/generation",
            answers.converse,
            EMBED,
            "Converse; no such model is served.",
            ConversationBody,
        ),
        Operation(("GET",), "/uploads", uploads.policy, EMBED, "Get leave to upload (`action=getPolicy`)."),
        Operation(("GET",), "/models", answers.list_models, LIST_MODELS, "List the models."),
        Operation(("GET",), "/models/{id:path}", answers.get_model, LIST_MODELS, "Get one model."),
    )
    credentials = TokenCredentials(others=("x-dashscope-apikey",))
    return Family("dashscope", (PREFIX,), operations, credentials, dashscope_envelope, "x-dashscope-workspace")


def _cut(parameters: MultimodalParameters) -> bool:
    """Return whether ONE-PEACE cuts what is too long; it refuses unless it is told to."""
    return bool(parameters.auto_truncation)


def _fused(elements: Sequence[Element]) -> Placed:
    return Placed(Content(tuple(part for each in elements for part in each.parts)), "input.contents")


def _multimodal_options(parameters: MultimodalParameters, fusion: Fusion | None, *, refuse: bool) -> EmbedOptions:
    keep_whole = parameters.auto_truncation is False or (refuse and not parameters.auto_truncation)
    return EmbedOptions(
        instruction=parameters.instruct or "",
        outputs=_OUTPUTS[parameters.output_type or "dense"],
        dimension=parameters.dimension or 0,
        truncation=Truncation.REFUSE if keep_whole else Truncation.END,
        fusion=fusion,
    )


def _item(index: int, embedding: Embedding, kind: str) -> dict[str, object]:
    return {"index": index, **_vectors(embedding), "type": kind}


def _vectors(embedding: Embedding) -> dict[str, object]:
    """Return the vectors that the model gave."""
    dense = {"embedding": floats(embedding)} if embedding.dense else {}
    sparse = {"sparse_embedding": sparse_items(embedding.sparse)} if embedding.sparse else {}
    return {**dense, **sparse}


def _reply(call: HttpCall, output: Mapping[str, object], usage: Mapping[str, object], made: Embedded) -> Reply:
    answer = {"output": output, "usage": usage, "request_id": call.request_id}
    return Reply(to_json(answer), tokens=made.usage.token_count)


def _count(given: str | None, field: str, default: int) -> int:
    if given is None:
        return default
    if not given.isdecimal() or len(given) > 9 or int(given) < 1:
        raise InvalidArgument(f"{field}: must be a whole number from 1 on", field=field)
    return int(given)
