"""Collections are made, listed over pages, and named by id or in full."""

import pytest

from sensorium import AsyncClient, Document
from sensorium.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from sensorium.model.vector import Metric


async def test_a_collection_takes_its_space_from_the_model(client: AsyncClient) -> None:
    created = await client.create_collection("garage", model="letters", description="cars")
    assert (created.model_revision, created.dimension, created.metric) == ("r1", 26, Metric.COSINE)
    assert (await client.get_collection("garage")).description == "cars"


async def test_a_collection_of_own_vectors_chooses_its_space(client: AsyncClient) -> None:
    created = await client.create_collection("own", dimension=3, metric="dot")
    assert (created.model, created.dimension, created.metric) == ("", 3, Metric.DOT)


async def test_listing_follows_every_page(client: AsyncClient) -> None:
    for number in range(5):
        await client.create_collection(f"c{number}", dimension=3)
    assert [each.id async for each in client.collections()] == ["c0", "c1", "c2", "c3", "c4"]


async def test_a_collection_may_be_named_in_full(client: AsyncClient) -> None:
    await client.create_collection("workspaces/other/collections/garage", dimension=3)
    assert (await client.get_collection("workspaces/other/collections/garage")).workspace == "other"
    with pytest.raises(NotFound):
        await client.get_collection("garage")


async def test_errors_are_those_of_the_server(client: AsyncClient) -> None:
    await client.create_collection("garage", model="letters")
    with pytest.raises(AlreadyExists):
        await client.create_collection("garage", model="letters")
    await client.upsert("garage", [Document("a", text="abc")])
    with pytest.raises(FailedPrecondition):
        await client.delete_collection("garage")
    await client.delete_collection("garage", force=True)
    with pytest.raises(InvalidArgument):
        await client.get_collection("Not an id")


async def test_a_closed_client_says_so() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        await AsyncClient().models()


def test_a_workspace_must_be_an_id() -> None:
    with pytest.raises(InvalidArgument):
        AsyncClient(workspace="No Such")
