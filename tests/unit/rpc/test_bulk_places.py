"""Streams and bulk calls never take every place of a server."""

from typing import Any

import pytest

from sensorium.errors import NotFound, Reason, ResourceExhausted
from sensorium.rpc.interceptors.bulk import BulkPlaces, bounded, is_bulk
from sensorium.v1.embed_service_pb2 import EmbedRequest, GetModelRequest
from sensorium.v1.search_service_pb2 import UpsertDocumentsRequest
from sensorium.v1.tag_service_pb2 import TagRequest
from sensorium.v1.types_pb2 import PRIORITY_BULK, PRIORITY_INTERACTIVE

BULK, OTHER = EmbedRequest(priority=PRIORITY_BULK), EmbedRequest(priority=PRIORITY_INTERACTIVE)


@pytest.mark.parametrize("kind", [EmbedRequest, UpsertDocumentsRequest, TagRequest])
def test_a_call_is_bulk_when_it_says_so(kind: Any) -> None:
    assert is_bulk(kind(priority=PRIORITY_BULK))
    assert not is_bulk(kind(priority=PRIORITY_INTERACTIVE))
    assert not is_bulk(kind())
    assert not is_bulk(GetModelRequest())


async def answered(places: BulkPlaces, request: EmbedRequest, *, streaming: bool = False, inside: Any = None) -> None:
    """Pass one call through, with a body that does what `inside` does."""

    async def answer(raw: Any, _rpc: Any, decode: Any, _encode: Any) -> bytes:
        decode(raw)
        if inside:
            await inside()
        return b""

    wrapped = bounded(answer, places, streaming=streaming)
    await wrapped(request.SerializeToString(), None, EmbedRequest.FromString, bytes)


@pytest.mark.parametrize(("request_", "streaming"), [(BULK, False), (OTHER, True)])
async def test_beyond_the_last_place_bulk_is_refused_and_others_pass(request_: EmbedRequest, streaming: bool) -> None:
    places = BulkPlaces(1)

    async def crowd() -> None:
        for streams, request in ((True, OTHER), (False, BULK)):
            with pytest.raises(ResourceExhausted) as refused:
                await answered(places, request, streaming=streams)
            assert (refused.value.reason, bool(refused.value.retry_after)) == (Reason.QUEUE_FULL, True)
        await answered(places, OTHER)

    await answered(places, request_, streaming=streaming, inside=crowd)


async def test_a_place_is_free_again_however_its_call_ends() -> None:
    places = BulkPlaces(1)

    async def fail() -> None:
        raise NotFound("x")

    for streaming in (False, True):
        for _ in range(2):
            with pytest.raises(NotFound):
                await answered(places, BULK, streaming=streaming, inside=fail)
