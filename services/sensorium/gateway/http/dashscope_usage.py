"""What DashScope says that a call consumed: ONE-PEACE in weighted contents, later models in tokens."""

from collections.abc import Mapping, Sequence

from sensorium.gateway.http.dashscope_contents import Element
from sensorium.model.content import Modality

_WEIGHTS: Mapping[Modality, int] = {Modality.AUDIO: 2, Modality.IMAGE: 1, Modality.TEXT: 1, Modality.VIDEO: 1}


def weighted_usage(elements: Sequence[Element]) -> dict[str, object]:
    """Return the count of each modality with its weight, and the sum of measure x weight."""
    measures = _measures(elements)
    by_modality = {
        modality.value: {"measure": measure, "weight": _WEIGHTS[modality]} for modality, measure in measures.items()
    }
    total = sum(measure * _WEIGHTS[modality] for modality, measure in measures.items())
    return {**by_modality, "total_usage": total}


def counted_usage(elements: Sequence[Element], tokens: int) -> dict[str, object]:
    """Return the tokens; models here count those of texts alone."""
    return {
        "input_tokens": tokens,
        "input_tokens_details": {"text_tokens": tokens, "image_tokens": 0},
        "output_tokens": 0,
        "total_tokens": tokens,
        "image_count": _measures(elements).get(Modality.IMAGE, 0),
    }


def _measures(elements: Sequence[Element]) -> dict[Modality, int]:
    kinds = [part.modality for each in elements for part in each.parts]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
