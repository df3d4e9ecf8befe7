"""Embeds any number of contents with one revision of one model, in calls that the embed service takes."""

from dataclasses import astuple, replace

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import Reason, Unavailable
from sensorium.model.embedding import Embedding, EmbedRequest, EmbedResponse, ModelInfo, Timings, Usage
from sensorium.ports import Embedder

Matrix = NDArray[np.float32]


async def embed_all(embedder: Embedder, request: EmbedRequest, model: ModelInfo, batch_size: int) -> EmbedResponse:
    """Return one embedding or error for each content, in order, with the sums of usage and timings.

    Raises:
        Unavailable: The model was replaced by another revision than `model` meanwhile.
        SensoriumError: A whole call failed.
    """
    responses = []
    for start in range(0, len(request.contents), batch_size):
        batch = replace(request, contents=request.contents[start : start + batch_size])
        responses.append(await embedder.embed(batch))
        _check_revision(responses[-1], model)
    return EmbedResponse(
        model=model.name,
        model_revision=model.revision,
        results=tuple(result for response in responses for result in response.results),
        usage=Usage.joined(response.usage for response in responses),
        timings=Timings(*map(sum, zip(*(astuple(response.timings) for response in responses), strict=True))),
    )


def direction(embedding: Embedding) -> Matrix:
    """Return the dense vector with length 1, shape [dimension], float32; zeros when it has no direction."""
    if embedding.dense is None:
        raise Unavailable("the model gave no dense vector", metadata={"backend": "embed"})
    return unit(embedding.dense.to_numpy())


def unit(vectors: Matrix) -> Matrix:
    """Return `vectors` (float32, the last axis is the dimension) with length 1 each."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    lengths[lengths == 0] = 1
    return np.asarray(vectors / lengths, np.float32)


def _check_revision(response: EmbedResponse, model: ModelInfo) -> None:
    if (response.model, response.model_revision) != (model.name, model.revision):
        raise Unavailable(
            f"model {model.name!r} changed from {model.revision} to {response.model_revision} during the call",
            reason=Reason.MODEL_NOT_READY,
            metadata={"model": model.name},
            retry_after=0.1,
        )
