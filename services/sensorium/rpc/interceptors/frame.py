"""The frame around every call of our services: composed once per method, run once per call."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

import grpc
from grpc import aio

from sensorium import context
from sensorium.context import CallContext
from sensorium.errors import SensoriumError
from sensorium.ports import Guard
from sensorium.rpc.interceptors.admission import Admission
from sensorium.rpc.interceptors.arity import Handler, Rpc, answer_of, handler_like, is_unbuilt, unbuilt
from sensorium.rpc.interceptors.bulk import BulkPlaces, bounded
from sensorium.rpc.interceptors.deadline import allowed_seconds
from sensorium.rpc.interceptors.door import Door
from sensorium.rpc.interceptors.faults import error_from
from sensorium.rpc.interceptors.messages import decoder, encoder
from sensorium.rpc.interceptors.report import Reporter, Trailers
from sensorium.rpc.interceptors.request_id import request_id_from
from sensorium.rpc.interceptors.server_span import start_server_span
from sensorium.rpc.status import DETAILS_KEY, status_code, to_status
from sensorium.settings import GrpcSettings

_HEALTH = "/grpc.health."  # It answers whoever asks and whatever happens, and would drown the figures.


class Frame(aio.ServerInterceptor):  # type: ignore[type-arg]
    """Wraps each method when it is first called.

    Args:
        settings: The limits.
        admission: Bounds the calls at work.
        reporter: Tells how each ended.
        guard: Lets calls and their requests pass.
    """

    def __init__(self, settings: GrpcSettings, admission: Admission, reporter: Reporter, guard: Guard) -> None:
        self._settings = settings
        self._admission = admission
        self._reporter = reporter
        self._guard = guard
        self._bulk = BulkPlaces(settings.max_bulk_calls)
        self._framed: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the method's handler in its frame; None for a method that nobody added, as gRPC has it."""
        method = handler_call_details.method
        framed = self._framed.get(method)
        if framed is not None:
            return framed
        handler = await continuation(handler_call_details)
        if not handler or method.startswith(_HEALTH):
            return handler
        return self._framed.setdefault(method, self._frame(method, handler))

    def _frame(self, method: str, handler: Handler) -> Handler:
        settings = self._settings
        streaming = handler.request_streaming or handler.response_streaming
        decode = decoder(handler.request_deserializer or bytes)
        encode = encoder(handler.response_serializer or bytes, settings.max_message_bytes)
        answer = unbuilt(method) if is_unbuilt(handler) else answer_of(handler)
        answer = bounded(answer, self._bulk, streaming=streaming)
        most_seconds = settings.max_stream_seconds if streaming else settings.max_deadline_seconds
        door = Door(self._guard, self._guard.rule(method), answer, decode, encode)
        return handler_like(handler, FramedMethod(method, door, most_seconds, self._admission, self._reporter).serve)


class FramedMethod:
    """One method in its frame.

    Args:
        name: `/package.Service/Method`.
        door: Lets calls pass to the servicer.
        most_seconds: The longest that a call may take.
        admission: Bounds the calls at work.
        reporter: Tells how each ended.
    """

    def __init__(self, name: str, door: Door, most_seconds: float, admission: Admission, reporter: Reporter) -> None:
        self._name = name
        self._door = door
        self._most_seconds = most_seconds
        self._admission = admission
        self._reporter = reporter

    async def serve(self, request: Any, rpc: Rpc) -> bytes | None:
        """Answer one call, within its context and its time; whatever happens, it gets a status and trailers."""
        headers = dict(rpc.invocation_metadata())
        seconds = allowed_seconds(rpc.time_remaining(), self._most_seconds)
        call = _call(headers, seconds)
        span = start_server_span(self._name, headers)
        with context.opened(call):
            try:
                passage = self._door.admit(headers, call)
                response = await self._admission.run(seconds, passage.answer, request, rpc)
            except asyncio.CancelledError as fault:
                self._reporter.ended(self._name, call, rpc, span, error_from(fault, call))
                raise
            except Exception as fault:
                error = error_from(fault, call)
                trailers = self._reporter.ended(self._name, call, rpc, span, error)
                await _abort(rpc, error, call, trailers)
            rpc.set_trailing_metadata(self._reporter.ended(self._name, call, rpc, span, None))
            return response


def _call(headers: Mapping[str, Any], seconds: float) -> CallContext:
    now = time.monotonic()
    return CallContext(request_id_from(headers), deadline=now + seconds, started=now)


async def _abort(rpc: Rpc, error: SensoriumError, call: CallContext, trailers: Trailers) -> NoReturn:
    """End the call with an error."""
    status = to_status(error, call.request_id)
    await rpc.abort(status_code(error), status.message, (*trailers, (DETAILS_KEY, status.SerializeToString())))
    raise AssertionError("abort always raises")
