"""The load generator of the embedding benchmark: calls the public gRPC address from a process of its own.

Requests are serialised beforehand and answers are not parsed beyond their size, so that what is measured is the mesh.
"""

import asyncio
import itertools
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

import grpc

from sensorium.v1 import embed_service_pb2 as pb
from sensorium.v1 import types_pb2

METHOD = "/sensorium.v1.EmbedService/Embed"
VECTOR_BYTES = 384 * 4


@dataclass(frozen=True)
class Load:
    """Calls of `batch` texts each, `callers` at once, for `count` texts in all."""

    model: str
    batch: int
    callers: int
    count: int


@dataclass(frozen=True)
class Answered:
    """What came of a load: texts per second, the seconds of each call, and this process's CPU seconds per text."""

    texts_per_second: float
    seconds: list[float]
    cpu_seconds_per_text: float


async def run(address: str, texts: Sequence[str], load: Load) -> Answered:
    """Put the load on, made of texts."""
    return await put(address, _requests(texts, load), load)


async def put(address: str, serialized: Sequence[bytes], load: Load) -> Answered:
    """Put the load on. Contents are counted from the first full round of callers on, to leave out the start."""
    requests = itertools.cycle(serialized)
    wanted = load.count // load.batch
    seconds: list[float] = []
    ends: list[float] = []
    async with grpc.aio.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        call = channel.unary_unary(METHOD)

        async def caller() -> None:
            while len(ends) < wanted + load.callers - 1:
                start = time.perf_counter()
                answer = await call(next(requests), timeout=60)
                ends.append(time.perf_counter())
                seconds.append(ends[-1] - start)
                if len(answer) < load.batch * VECTOR_BYTES:
                    raise RuntimeError(f"an answer of {len(answer)} bytes: {answer[:500]!r}")

        before = _cpu_seconds()
        await asyncio.gather(*(caller() for _ in range(load.callers)))
        cpu = _cpu_seconds() - before
    window = load.batch * (wanted - 1) / (ends[load.callers + wanted - 2] - ends[load.callers - 1])
    return Answered(window, seconds, cpu / (load.batch * len(ends)))


def _requests(texts: Sequence[str], load: Load) -> list[bytes]:
    return [
        pb.EmbedRequest(
            model=load.model,
            contents=[types_pb2.Content(parts=[types_pb2.Part(text=text)]) for text in texts[i : i + load.batch]],
        ).SerializeToString()
        for i in range(0, len(texts) - load.batch + 1, load.batch)
    ]


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def serve_requests(pipe: Connection, address: str) -> None:
    """Put on each load that the pipe brings with its serialised requests, until it closes."""
    while True:
        try:
            serialized, load = pipe.recv()
        except EOFError:
            return
        pipe.send(asyncio.run(put(address, serialized, load)))


def serve(pipe: Connection, address: str, texts: Sequence[str]) -> None:
    """Put on each load that the pipe names, until it closes."""
    while True:
        try:
            load = pipe.recv()
        except EOFError:
            return
        pipe.send(asyncio.run(run(address, texts, load)))
