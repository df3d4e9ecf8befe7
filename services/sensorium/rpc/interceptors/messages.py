"""Turns bytes into requests and responses into bytes inside the frame, where a failure gets a code of its own.

Left to gRPC, broken protobuf answers INTERNAL and an oversized response has no reason.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from google.protobuf.message import DecodeError

from sensorium.errors import InvalidArgument, Reason, ResourceExhausted

Decode = Callable[[bytes], Any]
Encode = Callable[[Any], bytes]


def decoder(deserialize: Decode) -> Decode:
    """Return `deserialize` such that it raises InvalidArgument for broken protobuf and text that is not UTF-8."""

    def decode(raw: bytes) -> Any:
        try:
            return deserialize(raw)
        except (DecodeError, ValueError) as fault:
            message = "the request is not a valid message: broken protobuf, or a text that is not UTF-8"
            raise InvalidArgument(message, reason=Reason.REQUEST_MALFORMED) from fault

    return decode


def encoder(serialize: Encode, limit: int) -> Encode:
    """Return `serialize` such that it raises ResourceExhausted for a response of more than `limit` bytes."""

    def encode(response: Any) -> bytes:
        raw = serialize(response)
        if len(raw) > limit:
            message = f"the response has {len(raw)} bytes, the limit is {limit}: ask for fewer items or smaller ones"
            metadata = {"limit": str(limit), "actual": str(len(raw))}
            raise ResourceExhausted(message, reason=Reason.MESSAGE_TOO_LARGE, metadata=metadata)
        return raw

    return encode


async def decoded(raws: AsyncIterator[bytes], decode: Decode) -> AsyncIterator[Any]:
    """Return the requests of a stream."""
    async for raw in raws:
        yield decode(raw)


async def write_all(responses: Any, encode: Encode, rpc: Any) -> None:
    """Send the responses of an async generator, and close it whatever happens."""
    async with aclosing(responses):
        async for response in responses:
            await rpc.write(encode(response))
