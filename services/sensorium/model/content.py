"""What is embedded or tagged: a content made of weighted parts."""

from dataclasses import dataclass
from enum import StrEnum

from sensorium.errors import InvalidArgument

MAX_TOKEN_ID = (1 << 32) - 1


class Modality(StrEnum):
    """What kind of thing a part is."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Media:
    """The bytes of an image, a sound or a video, inline or by reference; exactly one of the two is set."""

    data: bytes | None = None
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class TokenIds:
    """A text as places in the vocabulary that the model names, each 0 to 2^32 - 1; special tokens may be left out.

    Raises:
        InvalidArgument: One cannot be a token id.
    """

    ids: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.ids and not 0 <= min(self.ids) <= max(self.ids) <= MAX_TOKEN_ID:
            raise InvalidArgument("a token id is not within 0 and 4,294,967,295")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a content.

    Attributes:
        modality: What it is.
        body: The text of a TEXT part, or its token ids; else the media.
        weight: How much it counts in a weighted average; > 0.
    """

    modality: Modality
    body: str | TokenIds | Media
    weight: float = 1.0

    @staticmethod
    def of_text(text: str) -> "Part":
        """Return a text."""
        return Part(Modality.TEXT, text)


@dataclass(frozen=True, slots=True)
class Content:
    """One or more parts that become one embedding."""

    parts: tuple[Part, ...]

    @staticmethod
    def of_text(text: str) -> "Content":
        """Return a content of one text."""
        return Content((Part.of_text(text),))
