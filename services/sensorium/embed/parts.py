"""The parts of a call's contents by their place, and what came of each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from sensorium.embed.options import unsupported
from sensorium.embed.work import Outputs
from sensorium.errors import InvalidArgument, Reason, SensoriumError
from sensorium.model.content import Content, Modality, Part, TokenIds
from sensorium.model.embedding import EmbedOptions, EmbedRequest, Fusion, ModelInfo, OutputKind

MAX_PARTS = 16
JOINTLY = sorted((Modality.TEXT, Modality.IMAGE))  # what a joint tower reads


class Place(NamedTuple):
    """Where a part stands in a call."""

    content: int
    part: int

    def field(self, modality: Modality) -> str:
        """Return the path of the part's body."""
        return f"contents[{self.content}].parts[{self.part}].{modality}"


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedPart:
    """What the model made of one part, whether the part was cut, and the tokens of a text."""

    outputs: Outputs
    truncated: bool = False
    token_count: int = 0


@dataclass(frozen=True, slots=True)
class PartOutcomes:
    """What came of the parts of a call.

    Attributes:
        embedded: What the model made of those that it could read.
        refused: Why the others cannot be, whatever the model.
        failed: Why the model answered for none of the rest.
    """

    embedded: dict[Place, EmbeddedPart] = field(default_factory=dict)
    refused: dict[Place, SensoriumError] = field(default_factory=dict)
    failed: dict[Place, SensoriumError] = field(default_factory=dict)

    def settle(
        self, place: Place, outcome: Outputs | SensoriumError, *, truncated: bool = False, token_count: int = 0
    ) -> None:
        """Note what the model made of a part."""
        if isinstance(outcome, Outputs):
            self.embedded[place] = EmbeddedPart(outcome, truncated, token_count)
        else:
            self.failed[place] = outcome

    def error(self, place: Place) -> SensoriumError | None:
        """Return why a part has no vector."""
        return self.refused.get(place) or self.failed.get(place)


class PartEmbedder(Protocol):
    """Embeds the parts of one modality, or of contents whose parts are read together."""

    async def embed(self, parts: Mapping[Place, Part], request: EmbedRequest, outcomes: PartOutcomes) -> None:
        """Note an outcome for each part, or for one part of each content that is read as a whole.

        Raises:
            SensoriumError: The queue refused the call, or its deadline passed.
        """
        ...

    async def close(self) -> None:
        """End what waits with Unavailable."""
        ...


def parts_of(content: Content, field: str, options: EmbedOptions, info: ModelInfo) -> tuple[Part, ...]:
    """Return the parts of the content at `field`, if the model of `info` makes what is asked for of such parts.

    Raises:
        InvalidArgument: CONTENT_EMPTY, TOO_MANY_ITEMS, OPTION_UNSUPPORTED (several parts, or outputs that they have
            not), MODALITY_UNSUPPORTED or FIELD_INVALID (a weight), naming the part.
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
    _check_outputs(content, field, options)
    return content.parts


def read_jointly(content: Content, field: str, options: EmbedOptions, info: ModelInfo) -> bool:
    """Return whether the model of `info` reads the parts of a content together: a text and an image, of equal weights.

    Raises:
        InvalidArgument: OPTION_UNSUPPORTED: other parts are asked to be, or can be embedded in no other way.
    """
    if len(content.parts) == 1 or Fusion.JOINT not in info.fusions or options.fusion is Fusion.AVERAGE:
        return False
    modalities = [part.modality for part in content.parts]
    if sorted(modalities) == JOINTLY and content.parts[0].weight == content.parts[1].weight:
        return True
    if options.fusion is Fusion.JOINT or Fusion.AVERAGE not in info.fusions:
        asked = f"{' and '.join(modalities)} together"
        raise unsupported("fusion", asked, ("one text and one image of equal weights",), field)
    return False


def _check_outputs(content: Content, field: str, options: EmbedOptions) -> None:
    """Refuse kinds of vectors that texts alone have."""
    others = [kind for kind in options.outputs if kind is not OutputKind.DENSE]
    if others and [part.modality for part in content.parts] != [Modality.TEXT]:
        asked = f"{' and '.join(others)} vectors of {' and '.join(part.modality for part in content.parts)}"
        raise unsupported("outputs", asked, ("those of one text",), field)


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
