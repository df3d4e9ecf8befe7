"""Vectors and embeddings on the wire: bytes that pass through untouched."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.embedding import Embedding
from sensorium.model.vector import MultiVector, SparseVector, Vector
from sensorium.rpc.codec.enums import DTYPE
from sensorium.v1 import types_pb2

_INDEX = np.dtype(np.uint32).newbyteorder("<")
_WEIGHT = np.dtype(np.float32).newbyteorder("<")

Component = TypeVar("Component", np.uint32, np.float32)


def vector_from_proto(vector: types_pb2.Vector, field: str) -> Vector:
    """Return the vector at `field`; that its bytes fit its dimension is checked where they are read.

    Raises:
        InvalidArgument: Its dtype is unknown.
    """
    return Vector(vector.data, DTYPE.from_proto(vector.dtype, f"{field}.dtype"), vector.dimension, vector.scale)


def vector_to_proto(vector: Vector) -> types_pb2.Vector:
    """Return the message for `vector`."""
    return types_pb2.Vector(
        data=vector.data, dtype=DTYPE.to_proto(vector.dtype), dimension=vector.dimension, scale=vector.scale
    )


def sparse_from_proto(sparse: types_pb2.SparseVector, field: str) -> SparseVector:
    """Return the sparse vector at `field`.

    Raises:
        InvalidArgument: Indices, values and tokens differ in number, or the indices do not ascend.
    """
    indices = _array(sparse.indices, _INDEX, f"{field}.indices")
    values = _array(sparse.values, _WEIGHT, f"{field}.values")
    if len(values) != len(indices) or len(sparse.tokens) not in {0, len(indices)}:
        raise _invalid(field, f"has {len(indices)} indices, {len(values)} values and {len(sparse.tokens)} tokens")
    if np.any(indices[1:] <= indices[:-1]):
        raise _invalid(f"{field}.indices", "must ascend without repeats")
    return SparseVector(indices, values, tuple(sparse.tokens))


def sparse_to_proto(sparse: SparseVector) -> types_pb2.SparseVector:
    """Return the message for `sparse`."""
    return types_pb2.SparseVector(
        indices=sparse.indices.astype(_INDEX, copy=False).tobytes(),
        values=sparse.values.astype(_WEIGHT, copy=False).tobytes(),
        tokens=sparse.tokens,
    )


def multi_from_proto(multi: types_pb2.MultiVector, field: str) -> MultiVector:
    """Return the multi-vector at `field`.

    Raises:
        InvalidArgument: Its dtype is unknown.
    """
    dtype = DTYPE.from_proto(multi.dtype, f"{field}.dtype")
    return MultiVector(multi.data, dtype, multi.dimension, multi.vector_count, multi.scale)


def multi_to_proto(multi: MultiVector) -> types_pb2.MultiVector:
    """Return the message for `multi`."""
    return types_pb2.MultiVector(
        data=multi.data,
        dtype=DTYPE.to_proto(multi.dtype),
        dimension=multi.dimension,
        vector_count=multi.count,
        scale=multi.scale,
    )


def embedding_from_proto(
    embedding: types_pb2.Embedding, field: str, *, truncated: bool = False, token_count: int = 0
) -> Embedding:
    """Return the embedding at `field`; what the message does not hold comes as arguments.

    Raises:
        InvalidArgument: One of its vectors is wrong.
    """
    return Embedding(
        dense=vector_from_proto(embedding.dense, f"{field}.dense") if embedding.HasField("dense") else None,
        sparse=sparse_from_proto(embedding.sparse, f"{field}.sparse") if embedding.HasField("sparse") else None,
        multi=multi_from_proto(embedding.multi, f"{field}.multi") if embedding.HasField("multi") else None,
        truncated=truncated,
        token_count=token_count,
    )


def embedding_to_proto(embedding: Embedding) -> types_pb2.Embedding:
    """Return the message for the vectors of `embedding`."""
    return types_pb2.Embedding(
        dense=vector_to_proto(embedding.dense) if embedding.dense else None,
        sparse=sparse_to_proto(embedding.sparse) if embedding.sparse else None,
        multi=multi_to_proto(embedding.multi) if embedding.multi else None,
    )


def _array(data: bytes, dtype: np.dtype[Component], field: str) -> NDArray[Component]:
    if len(data) % dtype.itemsize:
        raise _invalid(field, f"has {len(data)} bytes, not a multiple of {dtype.itemsize}")
    return np.frombuffer(data, dtype)


def _invalid(field: str, fault: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {fault}", reason=Reason.VECTOR_INVALID, field=field)
