"""The client without an event loop does what the async one does, from any thread."""

import inspect
import threading
from collections.abc import Iterator

import pytest
from memory_mesh import MemoryMesh

from sensorium import AsyncClient, Client, Document
from sensorium.errors import NotFound


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(connect=MemoryMesh().connect) as opened:
        yield opened


def methods(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def test_it_has_every_method_of_the_async_client() -> None:
    assert methods(Client) == methods(AsyncClient)
    assert Client.embed.__doc__ == AsyncClient.embed.__doc__


def test_work_goes_through(client: Client) -> None:
    client.create_collection("garage", model="letters")
    client.upsert("garage", [Document("a", text="abc"), Document("z", text="xyz")])
    assert [hit.document.id for hit in client.search("garage", "zz", top_k=1)] == ["z"]
    assert client.embed(["abc"]).vectors.shape == (1, 26)
    with pytest.raises(NotFound):
        client.get_collection("none")


def test_lists_are_plain_iterators(client: Client) -> None:
    for name in ("a", "b", "c"):
        client.create_collection(name, model="letters")
    assert [each.id for each in client.collections()] == ["a", "b", "c"]
    assert list(client.documents("a")) == []


def test_calling_it_from_an_iterable_that_it_works_on_is_refused(client: Client) -> None:
    client.create_collection("garage", model="letters")
    with pytest.raises(RuntimeError, match="cannot be called from"):
        client.upsert("garage", (Document(str(client.count("garage")), text="abc") for _ in range(1)))


def test_its_thread_ends_with_it(client: Client) -> None:
    with Client(connect=MemoryMesh().connect):
        assert sum(thread.name == "sensorium-client" for thread in threading.enumerate()) == 2
    assert sum(thread.name == "sensorium-client" for thread in threading.enumerate()) == 1


def test_a_closed_client_says_so() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        Client().models()
