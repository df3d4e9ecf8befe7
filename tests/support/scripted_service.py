"""An embedding service on loopback that does what a test says: it answers, refuses, is busy, or breaks off."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from memory_mesh import count_letters

Reply = tuple[int, dict[str, str], bytes]
CUT = "cut"


@dataclass
class ScriptedService:
    """What it does next, and what it was asked.

    Attributes:
        script: The next answers: a status with headers and a body, or CUT; then it embeds by letters.
        refused: Texts that it answers with 400, whatever comes with them.
        asked: The bodies that came, with their path and key.
        embed: Makes the components of one text.
        open: The connections.
    """

    base_url: str = ""
    script: list[Reply | str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    embed: Callable[[str], list[float]] = lambda text: [float(each) for each in count_letters(text)]

    open: dict[asyncio.Task[Any], asyncio.StreamWriter] = field(default_factory=dict)

    def answer(self, path: str, key: str, body: Any) -> Reply | str:
        self.asked.append((path, key, body))
        if self.script:
            return self.script.pop(0)
        if self.refused & set(body["input"]):
            return 400, {}, b'{"error": {"message": "this text\\nis not good"}}'
        rows = [{"index": at, "embedding": self.embed(text)} for at, text in enumerate(body["input"])]
        return 200, {}, json.dumps({"object": "list", "data": rows}).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        task = asyncio.current_task()
        assert task
        self.open[task] = writer
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request, *lines = head.decode("latin-1").strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                reply = self.answer(request.split()[1], headers.get("authorization", ""), json.loads(body))
                if isinstance(reply, str):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
                    break
                status, extra, content = reply
                told = {**extra, "Content-Length": str(len(content))}
                fields = "".join(f"{name}: {value}\r\n" for name, value in told.items())
                writer.write(f"HTTP/1.1 {status} Said\r\n{fields}\r\n".encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            del self.open[task]

    async def close(self) -> None:
        """Hang up, and wait for what answers."""
        for writer in self.open.values():
            writer.close()
        await asyncio.gather(*self.open)


@asynccontextmanager
async def scripted_service() -> AsyncIterator[ScriptedService]:
    """Serve for the body."""
    service = ScriptedService()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    async with server:
        service.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield service
        await service.close()
