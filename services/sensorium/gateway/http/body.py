"""Reads bodies, within bounds of size, time and memory, so that slow and greedy callers hold up nobody else."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from sensorium.errors import Cancelled, InvalidArgument, Reason, ResourceExhausted
from sensorium.gateway.http.refusals import TooSlow

_RETRY_AFTER_SECONDS = 1.0


class BodyReader:
    """Reads the bodies of all requests of a server.

    Args:
        seconds: How long one may take to come, unless an operation says otherwise.
        memory_bytes: The most bytes of all bodies that are being read.
    """

    def __init__(self, *, seconds: float, memory_bytes: int) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._held_bytes = 0

    async def read(self, request: Request, most_bytes: int, seconds: float = 0.0) -> bytes:
        """Return the body.

        Raises:
            InvalidArgument: It is compressed, or its length is no number.
            ResourceExhausted: MESSAGE_TOO_LARGE, or QUEUE_FULL when too much is being read.
            TooSlow: It did not come in its time.
            Cancelled: The caller went away.
        """
        _check_head(request, most_bytes)
        chunks: list[bytes] = []
        allowed = seconds or self._seconds
        try:
            async with asyncio.timeout(allowed):
                await self._gather(request, most_bytes, chunks)
        except TimeoutError:
            raise TooSlow(f"the body did not come within {allowed:g} s") from None
        except ClientDisconnect:
            raise Cancelled("the caller went away") from None
        finally:
            self._held_bytes -= sum(map(len, chunks))
        return b"".join(chunks)

    async def _gather(self, request: Request, most_bytes: int, chunks: list[bytes]) -> None:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            chunks.append(chunk)
            self._held_bytes += len(chunk)
            if size > most_bytes:
                raise _too_large(size, most_bytes)
            if self._held_bytes > self._memory_bytes:
                message = f"bodies of more than {self._memory_bytes} bytes are being read"
                raise ResourceExhausted(message, retry_after=_RETRY_AFTER_SECONDS)


def _check_head(request: Request, most_bytes: int) -> None:
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal():
        raise InvalidArgument("content-length is no number", reason=Reason.REQUEST_MALFORMED)
    if int(declared) > most_bytes:
        raise _too_large(int(declared), most_bytes)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise InvalidArgument("bodies are taken as they are, not compressed", field="content-encoding")


def _too_large(size: int, most_bytes: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"the body has {size} bytes or more, the limit is {most_bytes}",
        reason=Reason.MESSAGE_TOO_LARGE,
        metadata={"limit": str(most_bytes), "actual": str(size)},
    )
