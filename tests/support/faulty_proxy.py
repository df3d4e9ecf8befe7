"""A TCP proxy that can be slow, swallow what it is sent, or cut its connections: a network as it is on bad days."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

CHUNK = 64 << 10
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


@dataclass
class Weather:
    """How a proxy treats bytes from now on.

    Attributes:
        delay: Seconds that each piece waits.
        swallows: Nothing gets through, and nobody is told: a half-open connection.
    """

    delay: float = 0.0
    swallows: bool = False


class FaultyProxy:
    """Passes bytes between callers and `target`; everything is done on one event loop in a thread of its own."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.weather = Weather()
        self.address = ""

    def cut(self) -> None:
        """Reset every connection, in the middle of whatever it carries."""
        self._loop.call_soon_threadsafe(self._cut)

    async def run(self, started: threading.Event, stopped: asyncio.Event) -> None:
        """Serve until `stopped`."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        await stopped.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _cut(self) -> None:
        for writer in self._writers:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, back = await asyncio.open_connection(self._host, self._port)
            for source, sink in ((reader, back), (there, writer)):
                task = asyncio.create_task(self._pass_on(source, sink))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            return
        writer.close()

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        self._writers.add(sink)
        try:
            with suppress(OSError):
                while piece := await source.read(CHUNK):
                    await asyncio.sleep(self.weather.delay)
                    if not self.weather.swallows:
                        sink.write(piece)
                        await sink.drain()
        finally:
            self._writers.discard(sink)
            sink.close()


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    """Run a proxy before `target` for the body."""
    proxy, started = FaultyProxy(target), threading.Event()
    stopped = asyncio.Event()
    thread = threading.Thread(target=proxy._loop.run_until_complete, args=(proxy.run(started, stopped),))
    thread.start()
    started.wait()
    try:
        yield proxy
    finally:
        proxy._loop.call_soon_threadsafe(stopped.set)
        thread.join()
        proxy._loop.close()
