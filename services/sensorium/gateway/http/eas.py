"""The PAI-EAS family: one path or a few that the settings name, raw tokens, and partial success."""

from collections.abc import Sequence
from dataclasses import dataclass

from sensorium.errors import InvalidArgument, Reason, SensoriumError
from sensorium.gateway.http.call import HttpCall, Reply
from sensorium.gateway.http.embeddings import Embedded, Embeddings, Placed
from sensorium.gateway.http.family import EMBED, Family, Operation
from sensorium.gateway.http.parts import media_part
from sensorium.gateway.http.payload import read_json, to_json
from sensorium.gateway.http.tokens import TokenCredentials
from sensorium.gateway.http.vectors import floats
from sensorium.model.content import Content, Modality, Part
from sensorium.model.embedding import Embedding, EmbedOptions
from sensorium.settings import EasSettings

DOCUMENTED_MODEL = "pai-multimodal-embedding-v1"

_NAMES = {"contents": "input.contents"}


@dataclass(frozen=True, slots=True)
class Item:
    """One item: an image as a data URI, or a text."""

    image: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class InputContents:
    """The items."""

    contents: list[Item | str]


@dataclass(frozen=True, slots=True)
class PredictBody:
    """What is posted."""

    input: InputContents
    model: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """An item that was read, or why it could not be."""

    index: int
    type: str
    outcome: Placed | SensoriumError


class Eas:
    """Embeds for clients of PAI-EAS.

    Args:
        embeddings: Embeds.
        settings: The model, and how partial success is told.
    """

    def __init__(self, embeddings: Embeddings, settings: EasSettings) -> None:
        self._embeddings = embeddings
        self._settings = settings

    async def predict(self, call: HttpCall) -> Reply:
        """Answer with the vectors of the good items by their index, and the reasons of the others."""
        body = read_json(call.body, PredictBody)
        items = [_read(each, index) for index, each in enumerate(body.input.contents)]
        if not items:
            raise InvalidArgument("input.contents: at least one item is needed", field="input.contents")
        good = [each for each in items if isinstance(each.outcome, Placed)]
        model = self._settings.model if body.model in {"", DOCUMENTED_MODEL} else body.model
        made = await self._made(call, good, model)
        results = dict(zip((each.index for each in good), made.results, strict=True)) if made else {}
        tokens = made.usage.token_count if made else 0
        return self._reply(call, items, [results.get(each.index, each.outcome) for each in items], tokens)

    async def _made(self, call: HttpCall, good: Sequence[_Read], model: str) -> Embedded | None:
        contents = [each.outcome for each in good if isinstance(each.outcome, Placed)]
        return await self._embeddings.of(call, contents, model, EmbedOptions(), _NAMES) if contents else None

    def _reply(
        self,
        call: HttpCall,
        items: Sequence[_Read],
        outcomes: Sequence[Embedding | Placed | SensoriumError],
        tokens: int,
    ) -> Reply:
        reasons = [each.message for each in outcomes if isinstance(each, SensoriumError)]
        vectors = [
            {"index": item.index, "embedding": floats(each), "type": item.type}
            for item, each in zip(items, outcomes, strict=True)
            if isinstance(each, Embedding)
        ]
        status = self._settings.partial_status if reasons else 200
        answer = {
            "status_code": status if vectors else 400,
            "message": reasons or "",
            "output": {"embeddings": vectors},
            "usage": {"total_tokens": tokens},
            "request_id": call.request_id,
        }
        return Reply(to_json(answer), 200 if vectors else 400, tokens=tokens)


def eas_family(embeddings: Embeddings, settings: EasSettings) -> Family:
    """Return the family, at the paths of the settings."""
    predict = Eas(embeddings, settings).predict
    example = {"input": {"contents": [{"text": "a red bicycle"}]}}
    operations = [
        Operation(("POST",), path.rstrip("/"), predict, EMBED, "Embed images and texts.", PredictBody, example=example)
        for path in settings.paths
    ]
    return Family("eas", ("",), operations, TokenCredentials(raw=True), eas_envelope)


def eas_envelope(error: SensoriumError, status: int, request_id: str) -> tuple[int, object]:
    """Return PAI-EAS's error; clients read the body's status alone."""
    return status, {"status_code": status, "message": [error.message], "request_id": request_id}


def _read(given: Item | str, index: int) -> _Read:
    place = f"input.contents[{index}]"
    try:
        kind, part = _part(given, place)
    except InvalidArgument as error:
        return _Read(index, "", error)
    return _Read(index, kind, Placed(Content((part,)), place))


def _part(given: Item | str, place: str) -> tuple[str, Part]:
    match given:
        case str():
            return "text", Part.of_text(given)
        case Item(image=None, text=str(text)):
            return "text", Part.of_text(text)
        case Item(image=str(image), text=None):
            return "image", media_part(Modality.IMAGE, image, f"{place}.image")
        case _:
            message = f"{place}: must be a text, or hold one of image and text"
            raise InvalidArgument(message, reason=Reason.CONTENT_EMPTY, field=place)
