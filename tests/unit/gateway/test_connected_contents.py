"""A gateway asks again for what a role refused for its bucket, and what goes wrong then is told as in one call."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest
from memory_objects import MemoryObjects

from sensorium.errors import (
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    NotFound,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
    located,
)
from sensorium.gateway.connected.asking import Asking
from sensorium.gateway.connected.embedder import ConnectedEmbedder
from sensorium.gateway.connected.objects import ConnectedObjects
from sensorium.media.faults import unknown_bucket
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import (
    Embedding,
    EmbedRequest,
    EmbedResponse,
    ModalityUsage,
    ModelInfo,
    Timings,
    Usage,
)
from sensorium.model.vector import Vector

AT_ONCE = 3


def named(*keys: str) -> EmbedRequest:
    return EmbedRequest(tuple(Content((Part(Modality.IMAGE, Media(uri=f"s3://b/{key}")),)) for key in keys))


@dataclass
class Role:
    """An embed role that knows no bucket; what it raises for bytes, and the revision of its model after that.

    Attributes:
        calls: How many contents each call brought.
        held: A call with bytes waits until it is set.
        entered: Set by a call with bytes.
        most: The most calls with bytes at once.
    """

    faults: dict[bytes, SensoriumError] = field(default_factory=dict)
    later: str = "r1"
    calls: list[int] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    running: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.held.set()

    async def models(self) -> list[ModelInfo]:
        return []

    async def model(self, name: str) -> ModelInfo:
        raise NotFound(f"there is no model {name!r}", reason=Reason.MODEL_NOT_FOUND, field="model")

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        self.calls.append(len(request.contents))
        results = tuple([await self._result(index, content) for index, content in enumerate(request.contents)])
        good = sum(isinstance(result, Embedding) for result in results)
        usage = Usage(0, (ModalityUsage(Modality.IMAGE, good, 2.0),))
        revision = self.later if len(self.calls) > 1 else "r1"
        return EmbedResponse("m", revision, results, usage, Timings(inference_ms=1.0, total_ms=1.0))

    async def _result(self, index: int, content: Content) -> Embedding | SensoriumError:
        match content.parts[0].body:
            case Media(data=bytes(data)):
                return await self._embedded(data)
            case _:
                return located(unknown_bucket("s3://b"), f"contents[{index}].parts[0].image")

    async def _embedded(self, data: bytes) -> Embedding:
        self.running += 1
        self.most = max(self.most, self.running)
        self.entered.release()
        await self.held.wait()
        self.running -= 1
        if data in self.faults:
            raise self.faults[data]
        return Embedding(Vector.from_numpy(np.array([float(data)], np.float32)))


def connected(role: Role) -> ConnectedEmbedder:
    held = {f"s3://b/{digit}": digit.encode() for digit in "123456789"}
    objects = ConnectedObjects(MemoryObjects(held), seconds=30, most_bytes=100)
    return ConnectedEmbedder(role, Asking(objects, at_once=AT_ONCE))


def numbers(response: EmbedResponse) -> list[float | Reason]:
    return [
        result.reason if isinstance(result, SensoriumError) else float(result.dense.to_numpy()[0])
        for result in response.results
    ]


async def test_each_object_is_asked_for_alone_and_results_keep_their_order() -> None:
    role = Role()
    response = await connected(role).embed(named(*"51423"))
    assert numbers(response) == [5, 1, 4, 2, 3]
    assert role.calls == [5, 1, 1, 1, 1, 1]
    assert response.usage == Usage(0, (ModalityUsage(Modality.IMAGE, 5, 2.0),))
    assert response.timings.inference_ms == 6
    assert response.timings.preprocess_ms > 0
    assert response.timings.total_ms > 1


async def test_what_names_no_bucket_is_asked_for_once() -> None:
    role = Role()
    inline = EmbedRequest((Content((Part(Modality.IMAGE, Media(data=b"7")),)),))
    assert numbers(await connected(role).embed(inline)) == [7]
    assert role.calls == [1]


async def test_objects_of_all_calls_that_are_here_at_once_are_bounded() -> None:
    role = Role()
    role.held.clear()
    embedder = connected(role)
    calls = [asyncio.create_task(embedder.embed(named(*"1234"))) for _ in range(2)]
    for _ in range(AT_ONCE):
        await role.entered.acquire()
    role.held.set()
    for response in await asyncio.gather(*calls):
        assert numbers(response) == [1, 2, 3, 4]
    assert role.most == AT_ONCE


@pytest.mark.parametrize("fault", [ResourceExhausted("full", retry_after=1.0), DeadlineExceeded("late")])
async def test_a_role_that_takes_no_more_ends_the_call(fault: SensoriumError) -> None:
    with pytest.raises(type(fault)):
        await connected(Role({b"2": fault})).embed(named(*"123"))


async def test_a_model_that_fails_for_one_content_fails_that_one_alone() -> None:
    response = await connected(Role({b"2": Internal("no number")})).embed(named(*"123"))
    assert numbers(response) == [1, Reason.INTERNAL, 3]
    assert response.results[1].field == "contents[1]"


async def test_a_model_that_answers_for_no_content_fails_the_call() -> None:
    role = Role(dict.fromkeys((b"1", b"2"), Unavailable("loading", reason=Reason.MODEL_NOT_READY)))
    with pytest.raises(Unavailable) as caught:
        await connected(role).embed(named(*"12"))
    assert caught.value.reason is Reason.MODEL_NOT_READY


async def test_vectors_of_two_revisions_never_mix() -> None:
    with pytest.raises(Unavailable) as caught:
        await connected(Role(later="r2")).embed(named("1"))
    assert caught.value.reason is Reason.MODEL_NOT_READY


async def test_an_object_that_is_refused_keeps_the_place_of_its_content() -> None:
    response = await connected(Role()).embed(named("1", "none", "3"))
    assert numbers(response) == [1, Reason.URI_REFUSED, 3]
    assert isinstance(response.results[1], InvalidArgument)
    assert response.results[1].field == "contents[1].parts[0].image"
