"""Hands large tensors to a Triton of this machine through shared memory, which spares five copies of them.

A region is made when it is first needed, registered with Triton, and used again and again: its pages are warm. Triton
only reads it, and what it reads for a call that nobody waits for any more goes nowhere, so a region is free as soon as
its call has ended. See Triton's System Shared Memory Extension of the KServe protocol.
"""

import errno
import mmap
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import numpy as np
import structlog

from sensorium.errors import SensoriumError
from sensorium.ports import Tensor
from sensorium.triton.guard import SHARED_MEMORY

LEAST_BYTES = 128 << 10  # smaller ones travel in the message just as fast

_log = structlog.get_logger()


class Region:
    """A file in /dev/shm of `size` bytes, by which name Triton knows it."""

    def __init__(self, name: str, size: int) -> None:
        _check_room(size)
        self.name, self.size = name, size
        self._path = SHARED_MEMORY / name
        with open(self._path, "x+b", opener=_private) as file:
            try:
                os.posix_fallocate(file.fileno(), 0, size)  # a full /dev/shm is an error here, and no SIGBUS later
                self._bytes = mmap.mmap(file.fileno(), size)
            except OSError:
                self._path.unlink()
                raise

    def put(self, tensor: Tensor) -> None:
        """Copy a tensor to the region's start."""
        there = np.frombuffer(self._bytes, tensor.dtype, tensor.size)
        np.copyto(there.reshape(tensor.shape), tensor)

    def close(self) -> None:
        """Remove it; Triton keeps what it has mapped until it ends."""
        self._path.unlink(missing_ok=True)
        self._bytes.close()


def _check_room(size: int) -> None:
    """Raise OSError when less than half would be left to Triton, which hands tensors to its stubs the same way."""
    room = os.statvfs(SHARED_MEMORY)
    if room.f_bavail * room.f_frsize - size < room.f_blocks * room.f_frsize / 2:
        raise OSError(errno.ENOSPC, "the shared memory would be more than half full")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class SharedInputs:
    """The regions of one run of a Triton, each as large as a power of two.

    Args:
        prefix: What the regions' names start with; the run's guard removes them by it.
        register: Makes a region known to Triton.
    """

    def __init__(self, prefix: str, register: Callable[[Region], Awaitable[None]]) -> None:
        self._prefix = prefix
        self._register = register
        self._all: list[Region] = []
        self._free: dict[int, list[Region]] = defaultdict(list)
        self._usable = True

    def close(self) -> None:
        """Remove all regions."""
        self._usable = False
        for region in self._all:
            region.close()

    @asynccontextmanager
    async def lent(self, tensor: Tensor) -> AsyncIterator[Region | None]:
        """Hold a region with the tensor in it; None when it must travel in the message."""
        region = await self._taken(1 << (tensor.nbytes - 1).bit_length()) if tensor.nbytes >= LEAST_BYTES else None
        if region is None:
            yield None
            return
        try:
            region.put(tensor)
            yield region
        finally:
            self._free[region.size].append(region)

    async def _taken(self, size: int) -> Region | None:
        with suppress(IndexError):
            return self._free[size].pop()
        if not self._usable:
            return None
        try:
            region = Region(f"{self._prefix}-input-{len(self._all)}", size)
            self._all.append(region)
            await self._register(region)
        except (OSError, SensoriumError) as error:
            self._usable = False
            _log.warning("triton_inputs_not_shared", error=str(error), size=size)
            return None
        return region
