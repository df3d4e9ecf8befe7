"""Vectors as they are stored and sent: little-endian bytes with a dtype and a dimension."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import InvalidArgument, Reason

FLOAT32_LE = np.dtype("<f4")
FLOAT16_LE = np.dtype("<f2")


class DType(StrEnum):
    """How a component is stored."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"
    BINARY = "binary"

    def size_bytes(self, dimension: int) -> int:
        """Return the bytes of a vector of `dimension` components."""
        match self:
            case DType.FLOAT32:
                return 4 * dimension
            case DType.FLOAT16:
                return 2 * dimension
            case DType.INT8:
                return dimension
            case DType.BINARY:
                return dimension // 8


class Metric(StrEnum):
    """How two vectors are compared; scores are always higher for nearer."""

    COSINE = "cosine"
    DOT = "dot"
    EUCLIDEAN = "euclidean"


@dataclass(frozen=True, slots=True)
class Vector:
    """A dense vector.

    Attributes:
        data: The components: little-endian float32 or float16, int8 with `scale`, or one sign bit each, most
            significant bit first.
        dtype: How a component is stored.
        dimension: The number of components.
        scale: INT8 only: component = stored integer x scale.
    """

    data: bytes
    dtype: DType
    dimension: int
    scale: float = 0.0

    @classmethod
    def from_numpy(cls, components: NDArray[np.float32], dtype: DType = DType.FLOAT32) -> Self:
        """Store `components` (shape [dimension], float32) as `dtype`.

        INT8 is symmetric with one scale for the vector, largest magnitude / 127. BINARY keeps signs alone.
        """
        dimension = int(components.shape[0])
        match dtype:
            case DType.FLOAT32:
                return cls(components.astype(FLOAT32_LE, copy=False).tobytes(), dtype, dimension)
            case DType.FLOAT16:
                return cls(components.astype(FLOAT16_LE).tobytes(), dtype, dimension)
            case DType.INT8:
                scale = float(np.abs(components).max(initial=0)) / 127 or 1.0
                return cls(np.rint(components / scale).astype(np.int8).tobytes(), dtype, dimension, scale)
            case DType.BINARY:
                return cls(np.packbits(components > 0).tobytes(), dtype, dimension)

    def to_numpy(self) -> NDArray[np.float32]:
        """Return the components as float32, shape [dimension]; BINARY as -1 and 1.

        Raises:
            InvalidArgument: The number of bytes does not fit dtype and dimension.
        """
        self._check_size()
        match self.dtype:
            case DType.FLOAT32:
                return np.frombuffer(self.data, FLOAT32_LE)
            case DType.FLOAT16:
                return np.frombuffer(self.data, FLOAT16_LE).astype(np.float32)
            case DType.INT8:
                return np.frombuffer(self.data, np.int8) * np.float32(self.scale or 1.0)
            case DType.BINARY:
                bits = np.unpackbits(np.frombuffer(self.data, np.uint8))
                return bits.astype(np.float32) * 2 - 1

    def _check_size(self) -> None:
        if self.dimension < 1 or (self.dtype is DType.BINARY and self.dimension % 8):
            raise InvalidArgument(
                f"a {self.dtype} vector cannot have dimension {self.dimension}", reason=Reason.VECTOR_INVALID
            )
        expected = self.dtype.size_bytes(self.dimension)
        if len(self.data) != expected:
            raise InvalidArgument(
                f"a {self.dtype} vector of dimension {self.dimension} has {expected} bytes, not {len(self.data)}",
                reason=Reason.VECTOR_INVALID,
            )


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Weights over a vocabulary.

    Attributes:
        indices: Vocabulary indices, ascending, without repeats; shape [n], uint32.
        values: Their weights; shape [n], float32.
        tokens: Their texts where the model names tokens; else empty.
    """

    indices: NDArray[np.uint32]
    values: NDArray[np.float32]
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MultiVector:
    """A vector for each token, for late interaction.

    Attributes:
        data: The rows one after another, each laid out as in `Vector`.
        dtype: How a component is stored.
        dimension: The components of a row.
        count: The rows.
        scale: INT8 only: component = stored integer x scale.
    """

    data: bytes
    dtype: DType
    dimension: int
    count: int
    scale: float = 0.0

    @classmethod
    def from_numpy(cls, vectors: NDArray[np.float32], dtype: DType = DType.FLOAT32) -> Self:
        """Store `vectors` (shape [count, dimension], float32) as `dtype`; INT8 has one scale for all of them.

        BINARY needs a dimension that is a multiple of 8.
        """
        count, dimension = vectors.shape
        rows = Vector.from_numpy(vectors.reshape(-1), dtype)
        return cls(rows.data, dtype, dimension, count, rows.scale)

    def to_numpy(self) -> NDArray[np.float32]:
        """Return the vectors as float32, shape [count, dimension]; BINARY as -1 and 1.

        Raises:
            InvalidArgument: The number of bytes does not fit dtype, dimension and count.
        """
        rows = Vector(self.data, self.dtype, self.dimension * self.count, self.scale)
        return rows.to_numpy().reshape(self.count, self.dimension)
