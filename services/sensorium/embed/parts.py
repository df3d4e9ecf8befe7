"""The parts of a call's contents by their place, and what came of each."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from sensorium.embed.options import unsupported
from sensorium.embed.work import Row
from sensorium.errors import InvalidArgument, Reason, SensoriumError
from sensorium.model.content import Content, Modality, Part, TokenIds
from sensorium.model.embedding import EmbedRequest, ModelInfo

MAX_PARTS = 16


class Place(NamedTuple):
    """Where a part stands in a call."""

    content: int
    part: int

    def field(self, modality: Modality) -> str:
        """Return the path of the part's body."""
        return f"contents[{self.content}].parts[{self.part}].{modality}"


@dataclass(frozen=True, slots=True, eq=False)
class PartVector:
    """The vector of one part, shape [dimension], whether the part was cut, and the tokens of a text."""

    row: Row
    truncated: bool = False
    token_count: int = 0


@dataclass(frozen=True, slots=True)
class PartOutcomes:
    """What came of the parts of a call.

    Attributes:
        vectors: Of those that were embedded.
        refused: Why the others cannot be, whatever the model.
        failed: Why the model answered for none of the rest.
    """

    vectors: dict[Place, PartVector] = field(default_factory=dict)
    refused: dict[Place, SensoriumError] = field(default_factory=dict)
    failed: dict[Place, SensoriumError] = field(default_factory=dict)

    def settle(self, places: Iterable[Place], outcomes: Iterable[PartVector | SensoriumError]) -> None:
        """Note what the model made of the parts at `places`."""
        for place, outcome in zip(places, outcomes, strict=True):
            if isinstance(outcome, PartVector):
                self.vectors[place] = outcome
            else:
                self.failed[place] = outcome

    def error(self, place: Place) -> SensoriumError | None:
        """Return why a part has no vector."""
        return self.refused.get(place) or self.failed.get(place)


class PartEmbedder(Protocol):
    """Embeds the parts of one modality."""

    async def embed(self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes) -> None:
        """Note an outcome for each part.

        Raises:
            SensoriumError: The queue refused the call, or its deadline passed.
        """
        ...


def parts_of(content: Content, field: str, info: ModelInfo) -> tuple[Part, ...]:
    """Return the parts of the content at `field`, if the model of `info` takes such parts.

    Raises:
        InvalidArgument: CONTENT_EMPTY, TOO_MANY_ITEMS, OPTION_UNSUPPORTED (several parts), MODALITY_UNSUPPORTED or
            FIELD_INVALID (a weight), naming the part.
    """
    if not content.parts:
        raise InvalidArgument(f"{field}: has no parts", reason=Reason.CONTENT_EMPTY, field=field)
    if len(content.parts) > 1 and not info.fusions:
        raise unsupported("parts", f"{len(content.parts)} parts in one content", (1,), field)
    if len(content.parts) > MAX_PARTS:
        raise InvalidArgument(
            f"{field}.parts: {len(content.parts)} are more than {MAX_PARTS}",
            reason=Reason.TOO_MANY_ITEMS,
            field=f"{field}.parts",
            metadata={"limit": str(MAX_PARTS), "actual": str(len(content.parts))},
        )
    for index, part in enumerate(content.parts):
        _check_part(part, f"{field}.parts[{index}]", info)
    return content.parts


def _check_part(part: Part, field: str, info: ModelInfo) -> None:
    if part.modality not in info.modalities:
        supported = ", ".join(info.modalities)
        raise InvalidArgument(
            f"{field}: model {info.name!r} takes {supported}, not {part.modality}",
            reason=Reason.MODALITY_UNSUPPORTED,
            field=field,
            metadata={"modality": part.modality, "supported": supported},
        )
    if isinstance(part.body, TokenIds) and not info.vocabulary:
        raise InvalidArgument(
            f"{field}: model {info.name!r} takes texts, not token ids (LangChain: check_embedding_ctx_length=False)",
            reason=Reason.OPTION_UNSUPPORTED,
            field=field,
            metadata={"option": "token_ids", "supported": "none"},
        )
    if not (part.weight > 0 and math.isfinite(part.weight)):
        raise InvalidArgument(
            f"{field}.weight: must be a finite number > 0, not {part.weight:g}", field=f"{field}.weight"
        )
