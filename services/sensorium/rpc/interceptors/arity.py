"""Makes one shape of the four kinds of gRPC method: bytes in, bytes out or written."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from sensorium.errors import Unimplemented
from sensorium.rpc.interceptors.messages import Decode, Encode, decoded, write_all

Rpc = Any  # grpc.aio's ServicerContext; its stubs leave half of it out
Serve = Callable[[Any, Rpc], Awaitable[bytes | None]]
Answer = Callable[[Any, Rpc, Decode, Encode], Awaitable[bytes | None]]
Handler = Any  # grpc.RpcMethodHandler, generic in its stubs alone
Wrap = Callable[[Any], Answer]


def behaviour(handler: Handler) -> Any:
    """Return the servicer's method."""
    return handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream


def is_unbuilt(handler: Handler) -> bool:
    """Return whether the servicer left the method to its generated base class."""
    return str(behaviour(handler).__module__).endswith("_pb2_grpc")


def unbuilt(method: str) -> Answer:
    """Return what answers a method that is published and not built yet."""

    async def answer(_request: Any, _rpc: Rpc, _decode: Decode, _encode: Encode) -> bytes | None:
        raise Unimplemented(f"{method} is not built yet: see docs/roadmap.md", metadata={"method": method})

    return answer


def answer_of(handler: Handler) -> Answer:
    """Return what answers a method: a response in bytes, or None after it has written a stream of them.

    Every request of a call goes through the call's `decode`, every response through its `encode`.
    """
    wrap, _ = _KINDS[handler.request_streaming, handler.response_streaming]
    return wrap(behaviour(handler))


def handler_like(handler: Handler, serve: Serve) -> Handler:
    """Return a handler of the same kind that passes bytes to `serve`."""
    _, make = _KINDS[handler.request_streaming, handler.response_streaming]
    return make(serve, None, None)


def _unary_unary(behave: Any) -> Answer:
    async def answer(raw: Any, rpc: Rpc, decode: Decode, encode: Encode) -> bytes | None:
        return encode(await behave(decode(raw), rpc))

    return answer


def _unary_stream(behave: Any) -> Answer:
    async def answer(raw: Any, rpc: Rpc, decode: Decode, encode: Encode) -> bytes | None:
        await write_all(behave(decode(raw), rpc), encode, rpc)
        return None

    return answer


def _stream_unary(behave: Any) -> Answer:
    async def answer(raws: Any, rpc: Rpc, decode: Decode, encode: Encode) -> bytes | None:
        return encode(await behave(decoded(raws, decode), rpc))

    return answer


def _stream_stream(behave: Any) -> Answer:
    async def answer(raws: Any, rpc: Rpc, decode: Decode, encode: Encode) -> bytes | None:
        await write_all(behave(decoded(raws, decode), rpc), encode, rpc)
        return None

    return answer


_KINDS: dict[tuple[bool, bool], tuple[Wrap, Callable[..., Handler]]] = {
    (False, False): (_unary_unary, grpc.unary_unary_rpc_method_handler),
    (False, True): (_unary_stream, grpc.unary_stream_rpc_method_handler),
    (True, False): (_stream_unary, grpc.stream_unary_rpc_method_handler),
    (True, True): (_stream_stream, grpc.stream_stream_rpc_method_handler),
}
