"""Calls that come at a fixed rate whatever becomes of those before them, as a crowd of callers makes them."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import grpc
import numpy as np
from grpc import aio

from sensorium.errors import SensoriumError
from sensorium.rpc.status import from_rpc_error
from sensorium.v1 import embed_service_pb2, search_service_pb2
from sensorium.v1.types_pb2 import PRIORITY_BULK, Content, Part

OK = "OK"
EMBED = "/sensorium.v1.EmbedService/Embed"
STREAM_EMBED = "/sensorium.v1.EmbedService/StreamEmbed"
SEARCH = "/sensorium.v1.SearchService/Search"
BATCH_SEARCH = "/sensorium.v1.SearchService/BatchSearch"
WORDS = ("red", "blue", "tall", "wet", "old", "new", "fast", "slow")
TOKENS = 10  # of each text below, with those that every text has


@dataclass(frozen=True, slots=True)
class Call:
    """A call to make again and again.

    Attributes:
        method: `/package.Service/Method`.
        requests: In bytes; taken in turn.
        items: How many texts one has.
        timeout: Seconds that one may take.
        streaming: Whether the method takes and returns streams; each then carries one request.
    """

    method: str
    requests: Sequence[bytes]
    items: int
    timeout: float
    streaming: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: its code, the seconds that it took, how many items were answered, and its error if any."""

    code: str
    seconds: float
    items: int = 0
    error: SensoriumError | None = None


def embed_calls(items: int, timeout: float, *, bulk: bool = False) -> Call:
    """Return calls that embed `items` texts each."""
    return Call(EMBED, [_embed(items, start, bulk).SerializeToString() for start in range(64)], items, timeout)


def embed_streams(items: int, timeout: float) -> Call:
    """Return streams of one batch of `items` texts each."""
    wrap = embed_service_pb2.StreamEmbedRequest
    requests = [wrap(request=_embed(items, start, False)).SerializeToString() for start in range(64)]
    return Call(STREAM_EMBED, requests, items, timeout, streaming=True)


def search_calls(collection: str, timeout: float) -> Call:
    """Return searches by one text each."""
    return Call(SEARCH, [_search(collection, start).SerializeToString() for start in range(64)], 1, timeout)


def batch_search_calls(collection: str, items: int, timeout: float) -> Call:
    """Return batches of `items` searches by one text each."""
    requests = [
        search_service_pb2.BatchSearchRequest(
            parent="workspaces/default", requests=[_search(collection, start + each) for each in range(items)]
        ).SerializeToString()
        for start in range(64)
    ]
    return Call(BATCH_SEARCH, requests, items, timeout)


async def put(address: str, call: Call, per_second: float, seconds: float) -> list[Ended]:
    """Make `per_second` calls a second for `seconds`; return how all ended, which may be a timeout later."""
    async with aio.insecure_channel(address) as channel, asyncio.TaskGroup() as group:
        make = _stream if call.streaming else _unary
        requests, start, tasks = cycle(call.requests), time.monotonic(), []
        while (now := time.monotonic()) < start + seconds:
            while len(tasks) < (now - start) * per_second:
                tasks.append(group.create_task(_ended(make(channel, call, next(requests)), call)))
            await asyncio.sleep(1 / per_second)
    return [task.result() for task in tasks]


async def _ended(answering: Awaitable[bytes], call: Call) -> Ended:
    started = time.monotonic()
    try:
        answer = await answering
    except aio.AioRpcError as fault:
        return Ended(fault.code().name, time.monotonic() - started, error=from_rpc_error(fault))
    seconds = time.monotonic() - started
    if call.method != BATCH_SEARCH:
        return Ended(OK, seconds, call.items)
    results = search_service_pb2.BatchSearchResponse.FromString(answer).results
    return Ended(OK, seconds, sum(not result.HasField("error") for result in results))


async def _unary(channel: aio.Channel, call: Call, request: bytes) -> bytes:
    answer: bytes = await channel.unary_unary(call.method)(request, timeout=call.timeout)
    return answer


async def _stream(channel: aio.Channel, call: Call, request: bytes) -> bytes:
    async def one() -> AsyncIterator[bytes]:
        yield request

    responses = channel.stream_stream(call.method)(one(), timeout=call.timeout)
    return b"".join([answer async for answer in responses])


def codes(ended: Sequence[Ended]) -> Counter[str]:
    """Return how many calls ended with each code."""
    return Counter(each.code for each in ended)


def percentile(ended: Sequence[Ended], share: float) -> float:
    """Return the seconds within which `share` percent of the successes were answered; NaN without one."""
    seconds = [each.seconds for each in ended if each.code == OK]
    return float(np.percentile(seconds, share)) if seconds else float("nan")


def without_delay(ended: Sequence[Ended]) -> list[SensoriumError]:
    """Return the refusals that do not say when to come back."""
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED.name
    return [each.error for each in ended if each.code == exhausted and each.error and not each.error.retry_after]


def _embed(items: int, start: int, bulk: bool) -> Any:
    request = embed_service_pb2.EmbedRequest(contents=[_content(start + each) for each in range(items)])
    if bulk:
        request.priority = PRIORITY_BULK
    return request


def _search(collection: str, start: int) -> Any:
    request = search_service_pb2.SearchRequest(parent=f"workspaces/default/collections/{collection}", top_k=3)
    request.query.add(content=_content(start))
    return request


def _content(number: int) -> Content:
    words = [WORDS[number // 8**place % 8] for place in range(TOKENS - 2)]
    return Content(parts=[Part(text=" ".join(words))])
