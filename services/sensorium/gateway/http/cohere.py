"""The Cohere family: `/v2/embed`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sensorium.errors import InvalidArgument, Reason, SensoriumError
from sensorium.gateway.http.call import HttpCall, Reply
from sensorium.gateway.http.embeddings import Embeddings, Placed
from sensorium.gateway.http.family import EMBED, Family, Operation
from sensorium.gateway.http.parts import media_part
from sensorium.gateway.http.payload import read_json, to_json
from sensorium.gateway.http.tokens import TokenCredentials
from sensorium.gateway.http.vectors import Numbers, base64_floats, floats, shifted_signs, signs
from sensorium.model.content import Content, Modality, Part
from sensorium.model.embedding import Embedding, EmbedOptions, EmbedRole, Truncation

EmbeddingType = Literal["float", "int8", "uint8", "binary", "ubinary", "base64"]

_NAMES = {"options.dimension": "output_dimension", "options.role": "input_type", "contents": "texts"}
_ROLES = {"search_query": EmbedRole.QUERY, "search_document": EmbedRole.DOCUMENT}


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """Where an image is."""

    url: str


@dataclass(frozen=True, slots=True)
class InputPart:
    """One part of an input: a text or an image."""

    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageUrl | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """One input of several parts, which become one vector."""

    content: list[InputPart]


@dataclass(frozen=True, slots=True)
class EmbedBody:
    """What is posted to `/v2/embed`: one of `texts`, `images` and `inputs`."""

    model: str = ""
    input_type: str | None = None
    texts: list[str] | None = None
    images: list[str] | None = None
    inputs: list[Input] | None = None
    embedding_types: list[EmbeddingType] | None = None
    output_dimension: int | None = None
    truncate: Literal["NONE", "START", "END"] | None = None


class Cohere:
    """Embeds for clients of Cohere.

    Args:
        embeddings: Embeds.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings

    async def embed(self, call: HttpCall) -> Reply:
        """Answer `POST /v2/embed`."""
        body = read_json(call.body, EmbedBody)
        made = await self._embeddings.of(call, _contents(body), body.model, _options(body), _NAMES)
        good = made.all_good()
        answer = {
            "id": call.request_id,
            "response_type": "embeddings_by_type",
            "embeddings": {kind: [_FORMS[kind](each) for each in good] for kind in body.embedding_types or ["float"]},
            "texts": body.texts or [],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": made.usage.token_count}},
        }
        return Reply(to_json(answer), tokens=made.usage.token_count)


def cohere_family(embeddings: Embeddings) -> Family:
    """Return the family."""
    example = {"texts": ["a red bicycle"], "model": "all-minilm-l6-v2", "input_type": "search_document"}
    embed = Operation(
        ("POST",), "/embed", Cohere(embeddings).embed, EMBED, "Embed texts, images or both.", EmbedBody,
        example=example,
    )  # fmt: skip
    return Family("cohere", ("/v2",), (embed,), TokenCredentials(), cohere_envelope)


def cohere_envelope(error: SensoriumError, status: int, request_id: str) -> tuple[int, object]:
    """Return Cohere's error."""
    return status, {"message": error.message, "id": request_id}


def _contents(body: EmbedBody) -> list[Placed]:
    given = [name for name in ("texts", "images", "inputs") if getattr(body, name) is not None]
    if len(given) != 1:
        raise InvalidArgument(f"one of texts, images and inputs must be given, not {', '.join(given) or 'none'}")
    texts = [(Part.of_text(text),) for text in body.texts or ()]
    images = [(media_part(Modality.IMAGE, image, f"images[{index}]"),) for index, image in enumerate(body.images or ())]
    inputs = [_input_parts(each, f"inputs[{index}]") for index, each in enumerate(body.inputs or ())]
    return [
        Placed(Content(parts), f"{given[0]}[{index}]") for index, parts in enumerate((*texts, *images, *inputs))
    ]  # fmt: skip


def _input_parts(given: Input, place: str) -> tuple[Part, ...]:
    return tuple(_input_part(part, f"{place}.content[{index}]") for index, part in enumerate(given.content))


def _input_part(part: InputPart, place: str) -> Part:
    if part.type == "text" and part.text is not None:
        return Part.of_text(part.text)
    if part.type == "image_url" and part.image_url is not None:
        return media_part(Modality.IMAGE, part.image_url.url, f"{place}.image_url.url")
    raise InvalidArgument(f"{place}: a part of type {part.type} needs its {part.type}", field=place)


def _options(body: EmbedBody) -> EmbedOptions:
    if body.truncate == "START":
        message = "truncate: texts are cut at their end; START is not supported"
        raise InvalidArgument(message, reason=Reason.OPTION_UNSUPPORTED, field="truncate")
    return EmbedOptions(
        role=_ROLES.get(body.input_type or ""),
        dimension=body.output_dimension or 0,
        truncation=Truncation.REFUSE if body.truncate == "NONE" else Truncation.END,
    )


def _int8(embedding: Embedding) -> Numbers:
    """Return the components of a vector of length 1 in steps of 1/127."""
    return np.clip(np.rint(floats(embedding).astype(np.float32) * 127), -127, 127).astype(np.int8)


def _uint8(embedding: Embedding) -> Numbers:
    """Return `_int8`, plus 128."""
    return (_int8(embedding).astype(np.int16) + 128).astype(np.uint8)


_FORMS: Mapping[EmbeddingType, Callable[[Embedding], Numbers | str]] = {
    "float": floats,
    "int8": _int8,
    "uint8": _uint8,
    "binary": shifted_signs,
    "ubinary": signs,
    "base64": base64_floats,
}
