"""What every outgoing call carries (request, key, trace, remaining time) and what its faults become (our errors)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Self

import grpc
from grpc import aio

from sensorium import context
from sensorium.errors import DeadlineExceeded, SensoriumError, Unavailable
from sensorium.rpc.client_span import ClientSpan, start_client_span
from sensorium.rpc.status import from_rpc_error

# For whose key a gateway calls a role: an id, which is no secret. Nobody but a role believes it.
KEY_HEADER = "x-sensorium-key-id"

# What grpc.aio says when a stream ended while a request of it was being sent, whatever the server said.
_NOT_SENT = "Internal error from Core"

Headers = Mapping[str, str]
Details = aio.ClientCallDetails
# grpc-stubs types a continuation as a call, though it has to be awaited for one.
Continuation = Callable[[Details, Any], Any]


class OutgoingCall:
    """One call on its way: opened before it is sent, and closed with what came of it."""

    def __init__(self, details: Details, span: ClientSpan) -> None:
        self.details = details
        self._span = span

    @classmethod
    def opened(cls, details: Details, headers: Headers) -> Self:
        """Return a call with our headers and the time that is left. Raises DeadlineExceeded when none is left."""
        method = _text(details.method)
        timeout = _least(details.timeout, context.remaining())
        if timeout is not None and timeout <= 0:
            raise DeadlineExceeded(f"the deadline passed before {method} was called")
        span = start_client_span(method)
        return cls(_with(details, timeout, {**headers, **span.headers}), span)

    def succeeded(self) -> None:
        """Close it after its last response."""
        self._span.end(grpc.StatusCode.OK, "")

    def failed(self, fault: aio.AioRpcError) -> SensoriumError:
        """Close it after `fault` and return what to raise in its place."""
        self._span.end(fault.code(), fault.details() or "")
        if fault.code() is grpc.StatusCode.INTERNAL and fault.details() == _NOT_SENT:
            return Unavailable("the stream broke while a request was on its way")
        return from_rpc_error(fault)

    def abandoned(self) -> None:
        """Close it when its caller waits for no more."""
        self._span.end(grpc.StatusCode.CANCELLED, "nobody waits for it any more")


class UnaryCaller(aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]
    """Opens and closes calls with one request and one response."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    async def intercept_unary_unary(self, continuation: Continuation, details: Details, request: Any) -> Any:
        """Return the finished call, so that its metadata stay readable."""
        outgoing = OutgoingCall.opened(details, self._headers)
        try:
            call = await continuation(outgoing.details, request)
            await call
        except aio.AioRpcError as fault:
            raise outgoing.failed(fault) from fault
        except asyncio.CancelledError:
            outgoing.abandoned()
            raise
        outgoing.succeeded()
        return call


class StreamReader(aio.UnaryStreamClientInterceptor):  # type: ignore[type-arg]
    """Opens and closes calls with one request and a stream of responses."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    async def intercept_unary_stream(self, continuation: Continuation, details: Details, request: Any) -> Any:
        """Return the responses."""
        outgoing = OutgoingCall.opened(details, self._headers)
        return _responses(outgoing, await continuation(outgoing.details, request))


class StreamExchanger(aio.StreamStreamClientInterceptor):  # type: ignore[type-arg]
    """Opens and closes calls with a stream of requests and a stream of responses."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    async def intercept_stream_stream(self, continuation: Continuation, details: Details, requests: Any) -> Any:
        """Return the responses."""
        outgoing = OutgoingCall.opened(details, self._headers)
        return _responses(outgoing, await continuation(outgoing.details, requests))


def interceptors(headers: Headers) -> Sequence[Any]:
    """Return an interceptor for each kind of call that the contracts have; each call carries `headers`."""
    return (UnaryCaller(headers), StreamReader(headers), StreamExchanger(headers))


async def _responses(outgoing: OutgoingCall, call: Any) -> AsyncIterator[Any]:
    try:
        async for response in call:
            yield response
    except aio.AioRpcError as fault:
        raise outgoing.failed(fault) from fault
    except (asyncio.CancelledError, GeneratorExit):
        call.cancel()
        outgoing.abandoned()
        raise
    outgoing.succeeded()


def _text(method: str | bytes) -> str:
    """Return a method's name, which gRPC declares as text and sends as bytes."""
    return method.decode() if isinstance(method, bytes) else method


def _with(details: Details, timeout: float | None, headers: Headers) -> Details:
    """Return `details` with the timeout and our headers."""
    metadata = aio.Metadata(*(details.metadata or ()))
    for key, value in headers.items():
        metadata.add(key, value)
    request_id = context.request_id()
    if request_id:
        metadata.add("x-request-id", request_id)
    if key_id := context.key_id():
        metadata.add(KEY_HEADER, key_id)
    return aio.ClientCallDetails(details.method, timeout, metadata, details.credentials, details.wait_for_ready)


def _least(one: float | None, other: float | None) -> float | None:
    """Return the smaller of two times in seconds, of which each may be missing."""
    return min((time for time in (one, other) if time is not None), default=None)
