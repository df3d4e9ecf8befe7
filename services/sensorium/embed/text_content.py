"""Takes the text out of a content for a model that reads one text, or says why there is none."""

import math
from dataclasses import dataclass

from sensorium.embed.options import unsupported
from sensorium.embed.tokenizer import TokenizedText
from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Modality, Part
from sensorium.model.embedding import ModelInfo


@dataclass(frozen=True, slots=True)
class TextContents:
    """Reads contents for one model.

    Attributes:
        info: The model.
        max_text_bytes: The largest text, in UTF-8.
        special_count: The tokens that the tokenizer adds to every text.
    """

    info: ModelInfo
    max_text_bytes: int
    special_count: int

    def text_of(self, content: Content, field: str) -> str:
        """Return the text of the content at `field`.

        Raises:
            InvalidArgument: CONTENT_EMPTY, CONTENT_TOO_LONG, MODALITY_UNSUPPORTED, OPTION_UNSUPPORTED (several
                parts) or FIELD_INVALID (a weight), naming the part.
        """
        if not content.parts:
            raise _empty(field, "has no parts")
        if len(content.parts) > 1:
            raise unsupported("parts", f"{len(content.parts)} parts in one content", (1,), field)
        (part,) = content.parts
        where = f"{field}.parts[0]"
        text = self._text(part, where)
        if not (part.weight > 0 and math.isfinite(part.weight)):
            raise InvalidArgument(
                f"{where}.weight: must be a finite number > 0, not {part.weight:g}", field=f"{where}.weight"
            )
        if not text or text.isspace():
            raise _empty(f"{where}.text", "is empty or blank")
        self._check_size(text, f"{where}.text")
        return text

    def check_tokens(self, text: TokenizedText, field: str, *, refuse_long: bool) -> None:
        """Refuse a text of which the model would see nothing, or, with `refuse_long`, not all.

        Raises:
            InvalidArgument: CONTENT_EMPTY or CONTENT_TOO_LONG.
        """
        where = f"{field}.parts[0].text"
        if text.whole_count <= self.special_count:
            raise _empty(where, "has no characters that the model reads")
        if refuse_long and text.truncated:
            raise _too_long(where, text.whole_count, self.info.max_token_count, "tokens")

    def _text(self, part: Part, field: str) -> str:
        match part.body:
            case str(text) if part.modality is Modality.TEXT:
                return text
            case _:
                raise self._modality_unsupported(part.modality, field)

    def _check_size(self, text: str, field: str) -> None:
        size = len(text) if text.isascii() else len(_encoded(text, field))
        if size > self.max_text_bytes:
            raise _too_long(field, size, self.max_text_bytes, "bytes")

    def _modality_unsupported(self, modality: Modality, field: str) -> InvalidArgument:
        supported = ", ".join(self.info.modalities)
        return InvalidArgument(
            f"{field}: model {self.info.name!r} takes {supported}, not {modality}",
            reason=Reason.MODALITY_UNSUPPORTED,
            field=field,
            metadata={"modality": modality, "supported": supported},
        )


def _encoded(text: str, field: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{field}: is not valid Unicode", reason=Reason.REQUEST_MALFORMED, field=field) from None


def _empty(field: str, fault: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {fault}", reason=Reason.CONTENT_EMPTY, field=field)


def _too_long(field: str, actual: int, limit: int, unit: str) -> InvalidArgument:
    return InvalidArgument(
        f"{field}: has at least {actual} {unit}, more than {limit}",
        reason=Reason.CONTENT_TOO_LONG,
        field=field,
        metadata={"limit": str(limit), "actual": str(actual), "unit": unit},
    )
