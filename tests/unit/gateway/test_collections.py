"""A collection that names a model is bound to what the model is."""

from typing import Any

import pytest

from sensorium.errors import FailedPrecondition, InvalidArgument, NotFound, Reason
from sensorium.model.collection import CollectionSpec
from sensorium.model.document import Document, DocumentView
from sensorium.model.names import CollectionName
from sensorium.model.vector import Metric

NAME = CollectionName("default", "garage")


async def test_creation_takes_revision_dimension_and_metric_from_the_model(gateway: Any, searcher: Any) -> None:
    await gateway.create_collection(NAME, CollectionSpec(description="cars", model="toy"))
    assert searcher.created == [CollectionSpec("cars", "toy", "r1", 4, Metric.DOT)]


async def test_creation_keeps_what_the_caller_chose(gateway: Any, searcher: Any) -> None:
    await gateway.create_collection(NAME, CollectionSpec(model="toy", dimension=2, metric=Metric.COSINE))
    assert searcher.created == [CollectionSpec("", "toy", "r1", 2, Metric.COSINE)]


async def test_creation_without_a_model_goes_through_as_it_is(gateway: Any, searcher: Any) -> None:
    spec = CollectionSpec(dimension=7)
    await gateway.create_collection(NAME, spec)
    assert searcher.created == [spec]


@pytest.mark.parametrize(
    ("spec", "error", "reason"),
    [
        (CollectionSpec(model="none"), NotFound, Reason.MODEL_NOT_FOUND),
        (CollectionSpec(model="toy", dimension=3), InvalidArgument, Reason.DIMENSION_MISMATCH),
        (CollectionSpec(model="toy", model_revision="r0"), FailedPrecondition, Reason.MODEL_MISMATCH),
    ],
)
async def test_creation_refuses_what_the_model_is_not(
    gateway: Any, searcher: Any, spec: CollectionSpec, error: type[Exception], reason: Reason
) -> None:
    with pytest.raises(error) as raised:
        await gateway.create_collection(NAME, spec)
    assert raised.value.reason is reason  # type: ignore[attr-defined]
    assert searcher.created == []


async def test_everything_else_goes_straight_through(gateway: Any, searcher: Any) -> None:
    assert (await gateway.get_collection(NAME)).id == "garage"
    assert (await gateway.list_collections("w", 3, "t")).next_page_token == "w/3/t"
    assert await gateway.get_documents(NAME, ["x"], DocumentView()) == [Document("x")]
    assert (await gateway.list_documents(NAME, 1, "", DocumentView())).items == (Document("a"),)
    assert await gateway.count_documents(NAME) == 7
    assert await gateway.delete_documents(NAME, ["x", "y"]) == 2
    await gateway.delete_collection(NAME, force=True)
    assert searcher.deleted == [(NAME, True)]
