"""Usage and timings on the wire."""

from sensorium.model.embedding import ModalityUsage, Timings, Usage
from sensorium.rpc.codec.enums import MODALITY
from sensorium.v1 import types_pb2


def usage_from_proto(usage: types_pb2.Usage, field: str = "usage") -> Usage:
    """Return the usage at `field`; its total is computed again.

    Raises:
        InvalidArgument: It names an unknown modality.
    """
    return Usage(
        token_count=usage.token_count,
        modalities=tuple(
            ModalityUsage(
                MODALITY.from_proto(each.modality, f"{field}.modalities[{i}].modality"), each.measure, each.weight
            )
            for i, each in enumerate(usage.modalities)
        ),
    )


def usage_to_proto(usage: Usage) -> types_pb2.Usage:
    """Return the message for `usage`."""
    modalities = [
        types_pb2.ModalityUsage(modality=MODALITY.to_proto(each.modality), measure=each.measure, weight=each.weight)
        for each in usage.modalities
    ]
    return types_pb2.Usage(token_count=usage.token_count, modalities=modalities, total=usage.total)


def timings_from_proto(timings: types_pb2.Timings) -> Timings:
    """Return the timings that the message holds."""
    return Timings(
        queue_ms=timings.queue_ms,
        preprocess_ms=timings.preprocess_ms,
        inference_ms=timings.inference_ms,
        search_ms=timings.search_ms,
        total_ms=timings.total_ms,
    )


def timings_to_proto(timings: Timings) -> types_pb2.Timings:
    """Return the message for `timings`."""
    return types_pb2.Timings(
        queue_ms=timings.queue_ms,
        preprocess_ms=timings.preprocess_ms,
        inference_ms=timings.inference_ms,
        search_ms=timings.search_ms,
        total_ms=timings.total_ms,
    )
