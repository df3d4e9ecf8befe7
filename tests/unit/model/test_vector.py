"""Vectors survive storage in every dtype, within the precision of that dtype."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.vector import DType, Vector

components = npst.arrays(
    np.float32,
    st.integers(1, 64).map(lambda n: n * 8),
    elements=st.floats(-100, 100, width=32, allow_subnormal=False),
)


@given(components)
def test_float32_survives_exactly(values: np.ndarray) -> None:
    assert np.array_equal(Vector.from_numpy(values).to_numpy(), values)


@given(components)
def test_float16_survives_to_half_precision(values: np.ndarray) -> None:
    restored = Vector.from_numpy(values, DType.FLOAT16).to_numpy()
    assert np.array_equal(restored, values.astype(np.float16).astype(np.float32))


@given(components)
def test_int8_survives_to_half_a_step_of_its_scale(values: np.ndarray) -> None:
    stored = Vector.from_numpy(values, DType.INT8)
    assert np.abs(stored.to_numpy() - values).max() <= stored.scale * 0.5001


@given(components)
def test_binary_keeps_the_signs(values: np.ndarray) -> None:
    restored = Vector.from_numpy(values, DType.BINARY).to_numpy()
    assert np.array_equal(restored > 0, values > 0)


@pytest.mark.parametrize(("dtype", "size"), [("float32", 32), ("float16", 16), ("int8", 8), ("binary", 1)])
def test_eight_components_take_the_documented_bytes(dtype: str, size: int) -> None:
    stored = Vector.from_numpy(np.ones(8, np.float32), DType(dtype))
    assert len(stored.data) == size


def test_bytes_are_little_endian_and_bits_most_significant_first() -> None:
    assert Vector.from_numpy(np.array([1], np.float32)).data == b"\x00\x00\x80\x3f"
    assert Vector.from_numpy(np.array([1, 0, 0, 0, 0, 0, 0, -1], np.float32), DType.BINARY).data == b"\x80"


@pytest.mark.parametrize(
    "vector",
    [
        Vector(b"\x00" * 7, DType.FLOAT32, 2),
        Vector(b"", DType.FLOAT32, 0),
        Vector(b"\x00", DType.BINARY, 4),
        Vector(b"\x00" * 4, DType.FLOAT32, -1),
    ],
)
def test_a_wrong_number_of_bytes_is_refused(vector: Vector) -> None:
    with pytest.raises(InvalidArgument) as raised:
        vector.to_numpy()
    assert raised.value.reason is Reason.VECTOR_INVALID
