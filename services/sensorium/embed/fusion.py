"""Makes one embedding of the vectors of a content's parts."""

from collections.abc import Sequence

import numpy as np

from sensorium.embed.parts import EmbeddedPart
from sensorium.embed.work import Row
from sensorium.errors import InvalidArgument, Reason
from sensorium.model.embedding import Embedding, EmbedOptions, OutputKind
from sensorium.model.vector import MultiVector, Vector


def fused(parts: Sequence[EmbeddedPart], weights: Sequence[float], options: EmbedOptions, *, unit: bool) -> Embedding:
    """Return the embedding of a content; `unit` says whether its model's vectors have length 1.

    Several parts become sum(weight x vector) / sum(weight), of length 1 again where the model's vectors are (ONE-PEACE,
    `factor`). A smaller dimension is cut from that. Sparse vectors and multi-vectors are those of one part.

    Raises:
        InvalidArgument: VECTOR_INVALID: the parts cancel out, so that nothing is left to normalise.
    """
    made, kinds = parts[0].outputs, options.outputs
    dense = made.dense if len(parts) == 1 else _average(parts, weights, unit=unit)
    if dense is not None and options.dimension and options.dimension != len(dense):
        dense = _cut(dense, options.dimension)
    multi = made.multi
    return Embedding(
        dense=Vector.from_numpy(dense, options.dtype) if dense is not None and OutputKind.DENSE in kinds else None,
        sparse=made.sparse if OutputKind.SPARSE in kinds else None,
        multi=MultiVector.from_numpy(multi, options.dtype) if multi is not None and OutputKind.MULTI in kinds else None,
        truncated=any(part.truncated for part in parts),
        token_count=sum(part.token_count for part in parts),
    )


def _average(parts: Sequence[EmbeddedPart], weights: Sequence[float], *, unit: bool) -> Row:
    # Weights are scaled first, so that neither the largest nor the smallest floats overflow or vanish.
    shares = np.asarray(weights, np.float64) / max(weights)
    rows = np.stack([part.outputs.dense for part in parts if part.outputs.dense is not None])
    mean = shares @ rows.astype(np.float64) / shares.sum()
    length = float(np.linalg.norm(mean)) if unit else 1.0
    if length < 1e-12:
        raise InvalidArgument("the vectors of the parts cancel out", reason=Reason.VECTOR_INVALID)
    return np.asarray(mean / length, np.float32)


def _cut(row: Row, dimension: int) -> Row:
    """Return the first components, of length 1 again (Matryoshka: https://arxiv.org/abs/2205.13147)."""
    head = row[:dimension]
    length = np.float32(np.linalg.norm(head))
    return head / length if length else head
