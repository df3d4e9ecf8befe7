"""Hands arrays between numpy 2 and this Triton's stub, which was built for numpy 1 and has no build for numpy 2.

The stub reads an array's item size where numpy 1 kept it: 32 bytes into the dtype's C structure. numpy 2 keeps the low
half of the dtype's flags there, zero for plain numbers, so the stub sees items of no size: inputs arrive as copies of
their first item and outputs are empty. Inputs are therefore taken over DLPack, which goes past numpy, and outputs are
given a dtype of their own in which the item size also stands in the old place.
Layouts: numpy/_core/include/numpy/ndarraytypes.h, `_PyArray_DescrNumPy2` and `PyArray_DescrProto`.
"""

import ctypes
import functools
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

_OLD_SIZE = 32  # int32 in numpy 1; the low half of uint64 flags in numpy 2
_NEW_SIZE = 40  # intp in numpy 2


def read(tensor: Any) -> Any:
    """Return an input's array; it looks into the tensor's memory."""
    return np.from_dlpack(tensor)


def write(name: str, array: Any) -> Any:
    """Return an output tensor with the contents of `array`."""
    return pb_utils.Tensor(name, np.ascontiguousarray(array).view(outgoing_dtype(array.dtype)))


@functools.cache
def outgoing_dtype(dtype: Any) -> Any:
    """Return a copy of `dtype` that the stub reads rightly; numpy's own stays as it is.

    Raises TypeError where that cannot be: for items of one byte, whose size would read as numpy's flag for Python
    objects, and for a numpy whose structure is another one.
    """
    copy = np.dtype(dtype, copy=True)
    old, new = ctypes.c_uint64.from_address(id(copy) + _OLD_SIZE), ctypes.c_ssize_t.from_address(id(copy) + _NEW_SIZE)
    if copy is dtype or dtype.itemsize == 1 or (old.value, new.value) != (0, dtype.itemsize):
        raise TypeError(f"an output of {dtype} cannot be handed to this Triton under numpy {np.__version__}")
    old.value = dtype.itemsize
    return copy
