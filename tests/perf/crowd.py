"""Callers who hold connections without much coming over them: idle ones, and ones who write a byte now and then."""

import asyncio
import itertools
from multiprocessing.connection import Connection

from http_load import Caller, Target, request_of

_ALIVE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
_AT_ONCE = 200
_BYTE_SECONDS = 0.1


def serve(pipe: Connection, target: Target) -> None:
    """Hold as many connections of a kind (`idle`, `slow`) as the pipe asks for, say so, and let go when it says so."""
    while True:
        try:
            kind, count = pipe.recv()
        except EOFError:
            return
        asyncio.run({"idle": _idle, "slow": _slow}[kind](pipe, target, count))


async def _idle(pipe: Connection, target: Target, count: int) -> None:
    """Hold connections that have had one answer each."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def hold() -> Caller:
        async with gate:
            caller = await Caller.connected(target.address)
            await caller.body(_ALIVE)
            return caller

    held = await asyncio.gather(*(hold() for _ in range(count)))
    pipe.send(len(held))
    await asyncio.to_thread(pipe.recv)
    for caller in held:
        caller.close()
    pipe.send(0)


async def _slow(pipe: Connection, target: Target, count: int) -> None:
    """Hold callers who send a request by single bytes, for ever; whoever is hung up on comes again."""
    request = request_of(target, ["a slow text"])

    async def crawl() -> None:
        while True:
            host, _, port = target.address.rpartition(":")
            _, writer = await asyncio.open_connection(host, int(port))
            try:
                for byte in itertools.chain(request[:-1]):
                    writer.write(bytes((byte,)))
                    await writer.drain()
                    await asyncio.sleep(_BYTE_SECONDS)
            except ConnectionError:
                continue
            finally:
                writer.close()

    crowd = [asyncio.create_task(crawl()) for _ in range(count)]
    await asyncio.sleep(1)
    pipe.send(count)
    await asyncio.to_thread(pipe.recv)
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    pipe.send(0)
