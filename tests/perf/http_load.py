"""The HTTP twin of `load`: posts prepared bodies over keep-alive connections, and looks at the status alone."""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from load import Answered, Load, _cpu_seconds


@dataclass(frozen=True)
class Target:
    """Where to post, and what stands in the bodies beside the texts."""

    address: str
    path: str
    fields: dict[str, object]


class Caller:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @staticmethod
    async def connected(address: str) -> "Caller":
        """Connect to `host:port`."""
        host, _, port = address.rpartition(":")
        return Caller(*await asyncio.open_connection(host, int(port)))

    async def body(self, request: bytes) -> bytes:
        """Send a request and return the body of its answer. Raises RuntimeError unless its status is 200."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{head[:100]!r} {body[:500]!r}")
        return body

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


def request_of(target: Target, texts: Sequence[str]) -> bytes:
    """Return a request of texts, as it goes over the wire."""
    body = json.dumps({**target.fields, "input": list(texts)}).encode()
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: {target.address}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def put(target: Target, texts: Sequence[str], load: Load) -> Answered:
    """Put the load on. Texts are counted from the first full round of callers on, to leave out the start."""
    batches = [texts[start : start + load.batch] for start in range(0, len(texts) - load.batch + 1, load.batch)]
    requests = itertools.cycle([request_of(target, batch) for batch in batches])
    wanted = load.count // load.batch
    seconds: list[float] = []
    ends: list[float] = []
    callers = [await Caller.connected(target.address) for _ in range(load.callers)]

    async def work(caller: Caller) -> None:
        while len(ends) < wanted + load.callers - 1:
            start = time.perf_counter()
            await caller.body(next(requests))
            ends.append(time.perf_counter())
            seconds.append(ends[-1] - start)

    before = _cpu_seconds()
    try:
        await asyncio.gather(*map(work, callers))
    finally:
        for caller in callers:
            caller.close()
    cpu = _cpu_seconds() - before
    window = load.batch * (wanted - 1) / (ends[load.callers + wanted - 2] - ends[load.callers - 1])
    return Answered(window, seconds, cpu / (load.batch * len(ends)))


def serve(pipe: Connection) -> None:
    """Put on each load that the pipe brings, with its target and texts, until it closes."""
    while True:
        try:
            target, texts, load = pipe.recv()
        except EOFError:
            return
        pipe.send(asyncio.run(put(target, texts, load)))
