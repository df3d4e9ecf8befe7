"""The VikingDB family of `vikingdb-python-sdk`: `/api/vikingdb/embedding` and its ping."""

from collections.abc import Sequence
from dataclasses import dataclass

from sensorium.errors import InvalidArgument, Reason
from sensorium.gateway.http.call import HttpCall, Reply
from sensorium.gateway.http.embeddings import Embedded, Embeddings, Placed
from sensorium.gateway.http.family import EMBED, Family, Operation
from sensorium.gateway.http.parts import media_part
from sensorium.gateway.http.payload import read_json, to_json
from sensorium.gateway.http.signed import SignedCredentials
from sensorium.gateway.http.vectors import floats, sparse_by_token
from sensorium.gateway.http.vikingdb import MAX_ITEMS
from sensorium.gateway.http.vikingdb_envelope import viking_envelope
from sensorium.model.content import Content, Modality, Part
from sensorium.model.embedding import Embedding, EmbedOptions, OutputKind

_NAMES = {"options.dimension": "dense_model.dim", "options.instruction": "dense_model.instruction", "contents": "data"}


@dataclass(frozen=True, slots=True)
class Instruction:
    """What the model is told to embed for."""

    content: str = ""


@dataclass(frozen=True, slots=True)
class ModelOption:
    """A model; its version is ours to choose."""

    name: str | None = None
    version: str | None = None
    dim: int | None = None
    instruction: Instruction | None = None


@dataclass(frozen=True, slots=True)
class ModalPart:
    """One part: a text, or an image or a video by URL or in base64."""

    text: str | None = None
    image: str | None = None
    video: str | None = None


@dataclass(frozen=True, slots=True)
class ModalItem:
    """One item: its parts, or a sequence of them."""

    text: str | None = None
    image: str | None = None
    video: str | None = None
    full_modal_seq: list[ModalPart] | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingBody:
    """What is posted to `/api/vikingdb/embedding`."""

    data: list[ModalItem]
    dense_model: ModelOption | None = None
    sparse_model: ModelOption | None = None
    tensor_model: ModelOption | None = None


class Viking:
    """Embeds for clients of `VikingDB`.

    Args:
        embeddings: Embeds.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings

    async def embed(self, call: HttpCall) -> Reply:
        """Answer with a dense vector, a sparse one or both for each item; one model that gives both is asked once."""
        body = read_json(call.body, EmbeddingBody)
        contents = _contents(body)
        made = [
            await self._embeddings.of(call, contents, model.name or "", _options(model, outputs), _NAMES)
            for model, outputs in _models(body)
        ]
        items: list[dict[str, object]] = [{} for _ in contents]
        for each in made:
            for item, embedding in zip(items, each.all_good(), strict=True):
                item.update(_vectors(embedding))
        tokens = sum(each.usage.token_count for each in made)
        result = {"data": items, "token_usage": _token_usage(made)}
        return _reply(call, result, tokens)

    async def ping(self, call: HttpCall) -> Reply:
        """Answer that we are here; the SDK signs nothing of it."""
        return _reply(call, {}, 0)


def viking_family(embeddings: Embeddings, credentials: SignedCredentials) -> Family:
    """Return the family."""
    answers = Viking(embeddings)
    example = {"data": [{"text": "a red bicycle"}], "dense_model": {"name": "all-minilm-l6-v2"}}
    operations = (
        Operation(
            ("POST",), "/embedding", answers.embed, EMBED, "Embed up to 100 items.", EmbeddingBody, example=example
        ),
        Operation(("GET",), "/Ping", answers.ping, "", "Tell that the server is there."),
    )
    return Family("viking", ("/api/vikingdb",), operations, credentials, viking_envelope)


def _models(body: EmbeddingBody) -> Sequence[tuple[ModelOption, tuple[OutputKind, ...]]]:
    if body.tensor_model:
        message = "tensor_model: multi-vectors are not given here"
        raise InvalidArgument(message, reason=Reason.OPTION_UNSUPPORTED, field="tensor_model")
    dense, sparse = body.dense_model, body.sparse_model
    if dense and sparse and dense.name == sparse.name:
        return ((dense, (OutputKind.DENSE, OutputKind.SPARSE)),)
    asked = (
        *(((dense, (OutputKind.DENSE,)),) if dense else ()),
        *(((sparse, (OutputKind.SPARSE,)),) if sparse else ()),
    )
    if not asked:
        raise InvalidArgument("one of dense_model and sparse_model must be given", field="dense_model")
    return asked


def _contents(body: EmbeddingBody) -> list[Placed]:
    if not 1 <= len(body.data) <= MAX_ITEMS:
        message = f"data: 1 to {MAX_ITEMS} items, not {len(body.data)}"
        raise InvalidArgument(message, reason=Reason.TOO_MANY_ITEMS, field="data")
    return [_content(item, f"data[{index}]") for index, item in enumerate(body.data)]


def _content(item: ModalItem, place: str) -> Placed:
    sequence = [
        part
        for index, each in enumerate(item.full_modal_seq or ())
        for part in _parts(each, f"{place}.full_modal_seq[{index}]")
    ]
    parts = (*_parts(item, place), *sequence)
    if not parts:
        raise InvalidArgument(f"{place}: holds nothing", reason=Reason.CONTENT_EMPTY, field=place)
    return Placed(Content(parts), place)


def _parts(given: ModalItem | ModalPart, place: str) -> tuple[Part, ...]:
    text = (Part.of_text(given.text),) if given.text is not None else ()
    image = (media_part(Modality.IMAGE, given.image, f"{place}.image"),) if given.image is not None else ()
    video = (media_part(Modality.VIDEO, given.video, f"{place}.video"),) if given.video is not None else ()
    return (*text, *image, *video)


def _options(model: ModelOption, outputs: tuple[OutputKind, ...]) -> EmbedOptions:
    instruction = model.instruction.content if model.instruction else ""
    dimension = (model.dim or 0) if OutputKind.DENSE in outputs else 0
    return EmbedOptions(instruction=instruction, outputs=outputs, dimension=dimension)


def _vectors(embedding: Embedding) -> dict[str, object]:
    dense = {"dense": floats(embedding)} if embedding.dense else {}
    sparse = {"sparse": sparse_by_token(embedding.sparse)} if embedding.sparse else {}
    return {**dense, **sparse}


def _token_usage(made: Sequence[Embedded]) -> dict[str, object]:
    """Return the tokens of each model."""
    return {
        each.model.name: {"prompt_tokens": each.usage.token_count, "total_tokens": each.usage.token_count}
        for each in made
    }


def _reply(call: HttpCall, result: object, tokens: int) -> Reply:
    answer = {
        "code": "Success",
        "message": "success",
        "request_id": call.request_id,
        "api": "vikingdb",
        "result": result,
    }
    return Reply(to_json(answer), tokens=tokens)
