"""Regions of shared memory for the inputs of a Triton."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sensorium.errors import Unavailable
from sensorium.triton.guard import SHARED_MEMORY
from sensorium.triton.shared_inputs import LEAST_BYTES, Region, SharedInputs

PREFIX = f"sensorium-test-{os.getpid()}"
LARGE = np.arange(LEAST_BYTES // 4 + 3, dtype=np.float32).reshape(1, -1)


class Registry:
    """Takes regions, unless told not to."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.refuses = False

    async def register(self, region: Region) -> None:
        """Note the name."""
        self.names.append(region.name)
        if self.refuses:
            raise Unavailable("no")


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def shared(registry: Registry) -> Iterator[SharedInputs]:
    made = SharedInputs(PREFIX, registry.register)
    yield made
    made.close()
    assert not files()


def files() -> list[Path]:
    return list(SHARED_MEMORY.glob(f"{PREFIX}*"))


def content(region: Region | None, like: np.ndarray) -> np.ndarray:
    assert region is not None
    stored = (SHARED_MEMORY / region.name).read_bytes()
    return np.frombuffer(stored[: like.nbytes], like.dtype).reshape(like.shape)


@pytest.mark.parametrize("dtype", ["u1", "i2", "f2", "f4", "i8"])
async def test_a_large_tensor_lies_in_its_region_as_it_would_in_the_message(shared: SharedInputs, dtype: str) -> None:
    tensor = (np.arange(LEAST_BYTES * 2) % 100).astype(dtype).reshape(2, -1)[:, ::2]
    async with shared.lent(tensor) as region:
        assert np.array_equal(content(region, tensor), tensor)


async def test_a_small_tensor_gets_no_region(shared: SharedInputs, registry: Registry) -> None:
    async with shared.lent(np.zeros(LEAST_BYTES - 1, np.uint8)) as region:
        assert region is None
    assert registry.names == []


async def test_a_region_is_made_and_registered_once_and_used_again(shared: SharedInputs, registry: Registry) -> None:
    for fill in range(3):
        async with shared.lent(LARGE + fill) as region:
            assert np.array_equal(content(region, LARGE), LARGE + fill)
    assert len(registry.names) == len(files()) == 1


async def test_calls_at_once_have_regions_of_their_own(shared: SharedInputs) -> None:
    async with shared.lent(LARGE) as one, shared.lent(LARGE * 2) as other:
        assert np.array_equal(content(one, LARGE), LARGE)
        assert np.array_equal(content(other, LARGE), LARGE * 2)


async def test_a_server_that_takes_no_region_is_not_asked_again(shared: SharedInputs, registry: Registry) -> None:
    registry.refuses = True
    for _ in range(2):
        async with shared.lent(LARGE) as region:
            assert region is None
    assert len(registry.names) == 1


async def test_a_full_shared_memory_is_no_error(
    shared: SharedInputs, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    async with shared.lent(LARGE) as region:
        assert region is None
    assert (registry.names, files()) == ([], [])


async def test_half_of_the_shared_memory_is_left_to_triton(
    shared: SharedInputs, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_full = SimpleNamespace(f_bavail=64, f_blocks=127, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: half_full)
    async with shared.lent(LARGE) as region:
        assert region is None
    assert (registry.names, files()) == ([], [])


async def test_what_is_closed_while_a_region_is_lent_leaves_nothing(registry: Registry) -> None:
    shared = SharedInputs(PREFIX, registry.register)
    async with shared.lent(LARGE):
        shared.close()
    assert not files()
