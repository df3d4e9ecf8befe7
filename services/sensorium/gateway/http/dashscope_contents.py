"""Contents as DashScope's clients write them: one modality each, several in one, weighted, uploaded, or a bare text."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sensorium.errors import InvalidArgument, Reason
from sensorium.gateway.http.call import HttpCall
from sensorium.gateway.http.parts import media_part
from sensorium.gateway.http.payload import number
from sensorium.gateway.http.uploads import SCHEME, Uploads
from sensorium.model.content import Media, Modality, Part

# Of ONE-PEACE, as its documentation has it; the seconds of sounds are the model's to count.
MAX_TEXT_CHARACTERS = 70

_MAX_IMAGES = 8
_MODALITIES = {each.value: each for each in Modality}


@dataclass(frozen=True, slots=True)
class ContentItem:
    """A content: one or more of its modalities; what is unknown is ignored."""

    text: str | None = None
    image: str | None = None
    audio: str | None = None
    video: str | list[str] | None = None
    multi_images: list[str] | None = None
    factor: float | str | None = None


@dataclass(frozen=True, slots=True)
class InputContents:
    """The contents."""

    contents: list[ContentItem | str]


@dataclass(frozen=True, slots=True)
class Element:
    """A content that was read.

    Attributes:
        place: Where it stands.
        type: What its vector is called.
        parts: What it holds.
    """

    place: str
    type: str
    parts: tuple[Part, ...]


class DashScopeContents:
    """Reads contents.

    Args:
        uploads: Have what `oss://` names.
    """

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def read(self, call: HttpCall, given: InputContents, *, cut: bool | None) -> Sequence[Element]:
        """Return the contents.

        Args:
            call: Whose they are.
            given: As they came.
            cut: For ONE-PEACE: whether texts that are too long are cut, or refused; None for models without a limit.

        Raises:
            InvalidArgument: One is empty, too long, or names what is not there.
        """
        elements = [_element(each, f"input.contents[{index}]") for index, each in enumerate(given.contents)]
        if cut is not None:
            elements = [_within(each, cut=cut) for each in elements]
        return [replace(each, parts=await self._fetched(each, call)) for each in elements]

    async def _fetched(self, element: Element, call: HttpCall) -> tuple[Part, ...]:
        return tuple([await self._fetch(part, call, element.place) for part in element.parts])

    async def _fetch(self, part: Part, call: HttpCall, place: str) -> Part:
        """Put what was uploaded in the place of its name."""
        match part.body:
            case Media(uri=str(uri)) if uri.startswith(SCHEME):
                found = await self._uploads.resolve(uri, call.key_id, f"{place}.{part.modality}")
                return replace(part, body=Media(data=found))
            case _:
                return part


def _element(given: ContentItem | str, place: str) -> Element:
    if isinstance(given, str):
        return Element(place, "text", (Part.of_text(given),))
    weight = _factor(given.factor, f"{place}.factor")
    by_kind: Mapping[str, Sequence[str]] = {
        "text": _values(given.text),
        "image": _values(given.image),
        "audio": _values(given.audio),
        "video": _values(given.video),
        "multi_images": given.multi_images or (),
    }
    if len(by_kind["multi_images"]) > _MAX_IMAGES:
        message = f"{place}.multi_images: at most {_MAX_IMAGES}"
        raise InvalidArgument(message, reason=Reason.TOO_MANY_ITEMS, field=f"{place}.multi_images")
    kinds = [kind for kind, values in by_kind.items() if values]
    if not kinds:
        message = f"{place}: needs one of {', '.join(by_kind)}"
        raise InvalidArgument(message, reason=Reason.CONTENT_EMPTY, field=place)
    parts = tuple(
        _part(kind, value, by_kind[kind], f"{place}.{kind}", weight) for kind in kinds for value in by_kind[kind]
    )
    return Element(place, kinds[0] if len(kinds) == 1 else "fused", parts)


def _part(kind: str, value: str, values: Sequence[str], place: str, weight: float) -> Part:
    """Return a part. A video of several values comes as its frames."""
    if kind == "text":
        return Part(Modality.TEXT, value, weight)
    if kind == "multi_images" or (kind == "video" and len(values) > 1):
        return media_part(Modality.IMAGE, value, place, weight)
    return media_part(_MODALITIES[kind], value, place, weight)


def _values(given: str | list[str] | None) -> Sequence[str]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else given


def _factor(given: float | str | None, field: str) -> float:
    """Return a weight, which may be text (`"0.5"`); 1 when there is none."""
    if given is None:
        return 1.0
    factor = number(given, field)
    if not (math.isfinite(factor) and factor > 0):
        raise InvalidArgument(f"{field}: must be a number above 0, not {factor}", field=field)
    return factor


def _within(element: Element, *, cut: bool) -> Element:
    return replace(element, parts=tuple(_short(part, element.place, cut=cut) for part in element.parts))


def _short(part: Part, place: str, *, cut: bool) -> Part:
    match part.body:
        case str(text) if len(text) > MAX_TEXT_CHARACTERS:
            if cut:
                return replace(part, body=text[:MAX_TEXT_CHARACTERS])
            message = f"{place}.text: has {len(text)} characters, more than {MAX_TEXT_CHARACTERS}"
            metadata = {"limit": str(MAX_TEXT_CHARACTERS), "actual": str(len(text)), "unit": "characters"}
            raise InvalidArgument(message, reason=Reason.CONTENT_TOO_LONG, field=f"{place}.text", metadata=metadata)
        case _:
            return part
