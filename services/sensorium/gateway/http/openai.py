"""The OpenAI family: embeddings and models, with what clients of Infinity and Jina send to the same paths."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeGuard

from msgspec import Meta

from sensorium import errors
from sensorium.errors import InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.gateway.http.call import HttpCall, Reply
from sensorium.gateway.http.embeddings import Embeddings, Placed
from sensorium.gateway.http.family import EMBED, LIST_MODELS, Endpoint, Family, Operation
from sensorium.gateway.http.parts import from_base64, media_part
from sensorium.gateway.http.payload import read_json, to_json
from sensorium.gateway.http.tokens import TokenCredentials
from sensorium.gateway.http.vectors import Numbers, base64_floats, floats, shifted_signs, signs
from sensorium.model.content import Content, Media, Modality, Part, TokenIds
from sensorium.model.embedding import Embedding, EmbedOptions, EmbedRole, ModelInfo, Truncation

PREFIXES = ("/v1", "/compatible-mode/v1")

Document = dict[str, object]
Input = str | list[str | int | list[int] | Document]

_NAMES = {"options.dimension": "dimensions", "options.role": "task", "contents": "input"}
_ROLES = {"retrieval.query": EmbedRole.QUERY, "retrieval.passage": EmbedRole.DOCUMENT}
_FORMS: Mapping[str, Callable[[Embedding], Numbers | str]] = {
    "float": floats,
    "base64": base64_floats,
    "binary": shifted_signs,
    "ubinary": signs,
}


@dataclass(frozen=True, slots=True)
class EmbeddingsBody:
    """What is posted to `/embeddings`; `modality` is Infinity's, all from `task` on Jina's."""

    input: Annotated[Input, Meta(description="Texts, their token ids, or documents such as `{image: URL or base64}`.")]
    model: Annotated[str, Meta(description="Empty means the default.")] = ""
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=0)] | None = None
    user: str | None = None
    modality: Annotated[
        Literal["text", "image", "audio"], Meta(description="What `input` holds, images and sounds by URI.")
    ] = "text"
    task: str | None = None
    embedding_type: Literal["float", "base64", "binary", "ubinary"] | None = None
    truncate: bool | None = None
    late_chunking: bool | None = None


class OpenAi:
    """Embeds for clients of OpenAI.

    Args:
        embeddings: Embeds.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings

    async def embed(self, call: HttpCall) -> Reply:
        """Answer `POST /embeddings`."""
        return await self._embed(call, read_json(call.body, EmbeddingsBody))

    def embed_only(self, modality: Literal["image", "audio"]) -> Endpoint:
        """Return what answers Infinity's older paths, of one modality each."""

        async def answer(call: HttpCall) -> Reply:
            return await self._embed(call, read_json(call.body, EmbeddingsBody), modality)

        return answer

    async def list_models(self, call: HttpCall) -> Reply:  # noqa: ARG002
        """Answer `GET /models`."""
        models = [_model(info) for info in await self._embeddings.models.all()]
        return Reply(to_json({"object": "list", "data": models}))

    async def get_model(self, call: HttpCall) -> Reply:
        """Answer `GET /models/{id}`."""
        name = call.params["id"]
        for info in await self._embeddings.models.all():
            if info.name == name:
                return Reply(to_json(_model(info)))
        raise NotFound(f"there is no model {name[:200]!r}", reason=Reason.MODEL_NOT_FOUND, field="model")

    async def _embed(self, call: HttpCall, body: EmbeddingsBody, modality: str = "") -> Reply:
        contents = _contents(body, Modality(modality or body.modality))
        made = await self._embeddings.of(call, contents, body.model, _options(body), _NAMES)
        form = _FORMS[body.embedding_type or body.encoding_format or "float"]
        vectors = [
            {"object": "embedding", "index": index, "embedding": form(embedding)}
            for index, embedding in enumerate(made.all_good())
        ]
        tokens = made.usage.token_count
        answer = {
            "object": "list",
            "data": vectors,
            "model": made.model.name,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        return Reply(to_json(answer), tokens=tokens)


def openai_family(embeddings: Embeddings) -> Family:
    """Return the family at OpenAI's paths."""
    return Family("openai", PREFIXES, _operations(OpenAi(embeddings)), TokenCredentials(), openai_envelope)


def infinity_family(embeddings: Embeddings) -> Family:
    """Return the family at Infinity's paths, which have no prefix, with its integer codes."""
    answers = OpenAi(embeddings)
    operations = (
        *_operations(answers),
        Operation(
            ("POST",), "/embeddings_image", answers.embed_only("image"), EMBED, "Embed images.", EmbeddingsBody,
        ),
        Operation(
            ("POST",), "/embeddings_audio", answers.embed_only("audio"), EMBED, "Embed sounds.", EmbeddingsBody,
        ),
    )  # fmt: skip
    return Family("infinity", ("",), operations, TokenCredentials(), infinity_envelope)


def openai_envelope(error: SensoriumError, status: int, request_id: str) -> tuple[int, object]:  # noqa: ARG001
    """Return OpenAI's error. Jina's clients read `detail`."""
    told = {"message": error.message, "type": _kind(error), "param": error.field or None, "code": _code(error)}
    return status, {"error": told, "detail": error.message}


def infinity_envelope(error: SensoriumError, status: int, request_id: str) -> tuple[int, object]:  # noqa: ARG001
    """Return Infinity's error: OpenAI's, whose code is the status."""
    return status, {"error": {"message": error.message, "type": None, "param": None, "code": status}}


def _operations(answers: OpenAi) -> tuple[Operation, ...]:
    example = {"input": ["a red bicycle"], "model": "all-minilm-l6-v2"}
    return (
        Operation(("POST",), "/embeddings", answers.embed, EMBED, "Embed.", EmbeddingsBody, example=example),
        Operation(("GET",), "/models", answers.list_models, LIST_MODELS, "List the models."),
        Operation(("GET",), "/models/{id:path}", answers.get_model, LIST_MODELS, "Get one model."),
    )


def _contents(body: EmbeddingsBody, modality: Modality) -> list[Placed]:
    given = [body.input] if isinstance(body.input, str) or _is_ids(body.input) else body.input
    return [
        Placed(Content(_parts(each, modality, f"input[{index}]")), f"input[{index}]")
        for index, each in enumerate(given)
    ]


def _is_ids(given: Sequence[object]) -> TypeGuard[list[int]]:
    """Return whether an input is one text as token ids."""
    return bool(given) and all(isinstance(each, int) for each in given)


def _parts(given: str | int | list[int] | Document, modality: Modality, place: str) -> tuple[Part, ...]:
    match given:
        case str() if modality is Modality.TEXT:
            return (Part.of_text(given),)
        case str():
            return (media_part(modality, given, place),)
        case dict():
            return _document_parts(given, place)
        case list() if modality is Modality.TEXT:
            return (Part(Modality.TEXT, _token_ids(given, place)),)
        case _:
            raise InvalidArgument(f"{place}: token ids stand for texts alone, all in lists of their own", field=place)


def _token_ids(ids: list[int], place: str) -> TokenIds:
    try:
        return TokenIds(tuple(ids))
    except InvalidArgument as error:
        raise InvalidArgument(f"{place}: {error.message}", field=place) from None


def _document_parts(document: Document, place: str) -> tuple[Part, ...]:
    """Read Jina's documents: `text`, `image`, `audio`, `video`, and of older clients `url` and `bytes` of an image."""
    parts = tuple(_document_part(kind, value, f"{place}.{kind}") for kind, value in document.items())
    if not parts:
        raise InvalidArgument(f"{place}: is empty", reason=Reason.CONTENT_EMPTY, field=place)
    return parts


def _document_part(kind: str, value: object, place: str) -> Part:
    if not isinstance(value, str):
        raise InvalidArgument(f"{place}: must be a text", field=place)
    match kind:
        case "text":
            return Part.of_text(value)
        case "image" | "audio" | "video":
            return media_part(Modality(kind), value, place)
        case "url":
            return Part(Modality.IMAGE, Media(uri=value))
        case "bytes":
            return Part(Modality.IMAGE, Media(data=from_base64(value, place)))
        case _:
            raise InvalidArgument(f"{place}: is none of text, image, audio, video, url and bytes", field=place)


def _options(body: EmbeddingsBody) -> EmbedOptions:
    if body.late_chunking:
        message = "late_chunking: every input becomes one vector here"
        raise InvalidArgument(message, reason=Reason.OPTION_UNSUPPORTED, field="late_chunking")
    return EmbedOptions(
        role=_ROLES.get(body.task or ""),
        dimension=body.dimensions or 0,
        truncation=Truncation.REFUSE if body.truncate is False else Truncation.END,
    )


def _model(info: ModelInfo) -> dict[str, object]:
    """Return a model; what OpenAI does not tell of it is Infinity's and ours."""
    return {
        "id": info.name,
        "object": "model",
        "created": 0,
        "owned_by": "sensorium",
        "backend": "triton",
        "stats": {},
        "capabilities": ["embed", *(f"{modality}_embed" for modality in info.modalities if modality != "text")],
        "dimension": info.dimension,
        "vocabulary": info.vocabulary,
    }


_KINDS: Mapping[type[SensoriumError], str] = {
    errors.Unauthenticated: "authentication_error",
    errors.PermissionDenied: "permission_error",
    errors.ResourceExhausted: "rate_limit_error",
    errors.InvalidArgument: "invalid_request_error",
    errors.NotFound: "invalid_request_error",
    SensoriumError: "server_error",
}
_CODES = {
    Reason.KEY_INVALID: "invalid_api_key",
    Reason.RATE_LIMITED: "rate_limit_exceeded",
    Reason.CONTENT_TOO_LONG: "context_length_exceeded",
}


def _kind(error: SensoriumError) -> str:
    return next(_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS)


def _code(error: SensoriumError) -> str:
    return _CODES.get(error.reason, error.reason.value.lower())
