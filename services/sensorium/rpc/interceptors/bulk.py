"""Bounds the streams and the bulk calls at work, so that they never take every place from calls that somebody awaits.

Streams count from their first moment, whatever they carry: they last long. Other calls count when they say
`PRIORITY_BULK`.
"""

from typing import Any

from sensorium.errors import ResourceExhausted
from sensorium.rpc.interceptors.arity import Answer, Rpc
from sensorium.rpc.interceptors.messages import Decode, Encode
from sensorium.v1.types_pb2 import PRIORITY_BULK

_RETRY_AFTER_SECONDS = 1.0


class BulkPlaces:
    """The places for bulk work of one server.

    Args:
        most: How many there are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    def take(self) -> None:
        """Take a place. Raises ResourceExhausted when there is none."""
        if self._taken >= self._most:
            message = f"the server is at work on {self._most} streams and bulk calls, the most that it takes"
            raise ResourceExhausted(message, metadata={"limit": str(self._most)}, retry_after=_RETRY_AFTER_SECONDS)
        self._taken += 1

    def leave(self) -> None:
        """Give a place back."""
        self._taken -= 1


def bounded(answer: Answer, places: BulkPlaces, *, streaming: bool) -> Answer:
    """Return `answer` such that each call of it that is bulk work holds one of `places`."""

    async def bounded_answer(request: Any, rpc: Rpc, decode: Decode, encode: Encode) -> bytes | None:
        holds = streaming
        if streaming:
            places.take()

        def decode_and_take(raw: bytes) -> Any:
            nonlocal holds
            message = decode(raw)
            if not holds and is_bulk(message):
                places.take()
                holds = True
            return message

        try:
            return await answer(request, rpc, decode_and_take, encode)
        finally:
            if holds:
                places.leave()

    return bounded_answer


def is_bulk(message: Any) -> bool:
    """Return whether a request says that it is bulk work; only some kinds can."""
    return bool(getattr(message, "priority", None) == PRIORITY_BULK)
