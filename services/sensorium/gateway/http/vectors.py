"""Vectors as JSON carries them: lists of numbers, or base64 of little-endian float32."""

import base64

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import Internal
from sensorium.model.embedding import Embedding
from sensorium.model.vector import DType, SparseVector, Vector

Numbers = NDArray[np.generic]


def dense_of(embedding: Embedding) -> Vector:
    """Return the dense vector of an embedding that was asked for one."""
    if embedding.dense is None:
        raise Internal("the model gave no dense vector though it was asked for one")
    return embedding.dense


def floats(embedding: Embedding) -> Numbers:
    """Return the components as float32, shape [dimension]."""
    return dense_of(embedding).to_numpy()


def base64_floats(embedding: Embedding) -> str:
    """Return base64 of the components as little-endian float32."""
    vector = dense_of(embedding)
    data = vector.data if vector.dtype is DType.FLOAT32 else vector.to_numpy().astype("<f4").tobytes()
    return base64.b64encode(data).decode("ascii")


def signs(embedding: Embedding) -> Numbers:
    """Return the signs, eight to a number from 0 to 255, the first in the highest bit; shape [ceil(dimension / 8)]."""
    return np.packbits(floats(embedding).astype(np.float32) > 0)


def shifted_signs(embedding: Embedding) -> Numbers:
    """Return the signs like `signs`, less 128, as clients of int8 read them."""
    return (signs(embedding).astype(np.int16) - 128).astype(np.int8)


def sparse_items(vector: SparseVector) -> list[dict[str, object]]:
    """Return `{index, value, token}` for each weight; a token that the model does not name is empty."""
    tokens = vector.tokens or ("",) * len(vector.indices)
    return [
        {"index": int(index), "value": float(value), "token": token}
        for index, value, token in zip(vector.indices, vector.values, tokens, strict=True)
    ]


def sparse_by_token(vector: SparseVector) -> dict[str, float]:
    """Return the weight of each token; one that the model does not name goes by its index."""
    names = vector.tokens or tuple(str(index) for index in vector.indices)
    return {name: float(value) for name, value in zip(names, vector.values, strict=True)}
