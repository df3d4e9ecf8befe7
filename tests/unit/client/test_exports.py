"""What the package offers at its top is what the client offers, and where a client calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from memory_mesh import MemoryMesh

import sensorium
import sensorium.client
from sensorium.client.connection import Backends, Endpoint


def test_the_package_offers_the_client() -> None:
    assert sensorium.__all__ == sensorium.client.__all__
    assert sensorium.Client is sensorium.client.Client


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Clinet'"):
        sensorium.Clinet  # type: ignore[attr-defined]  # noqa: B018


def test_the_address_comes_from_the_argument_the_environment_or_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def connect(endpoint: Endpoint) -> AsyncIterator[Backends]:
        seen.append(endpoint.address)
        async with MemoryMesh().connect(endpoint) as backends:
            yield backends

    for address in (None, "b:2"):
        with sensorium.Client(address, connect=connect):
            pass
    monkeypatch.setenv("SENSORIUM_ADDRESS", "c:3")
    for address in (None, "b:2"):
        with sensorium.Client(address, connect=connect):
            pass
    assert seen == ["127.0.0.1:50051", "b:2", "c:3", "b:2"]
