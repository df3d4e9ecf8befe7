"""An async client of a mesh in memory."""

from collections.abc import AsyncIterator

import pytest
from memory_mesh import MemoryMesh

from sensorium import AsyncClient


@pytest.fixture
def mesh() -> MemoryMesh:
    return MemoryMesh()


@pytest.fixture
async def client(mesh: MemoryMesh) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(connect=mesh.connect) as opened:
        yield opened
