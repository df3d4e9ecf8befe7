"""Runs tensors through a Triton over gRPC, and says in our own errors why one would not run."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar

import grpc
import numpy as np
from opentelemetry import propagate
from tritonclient.grpc import service_pb2, service_pb2_grpc

from sensorium import context
from sensorium.errors import (
    DeadlineExceeded,
    Internal,
    NotFound,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.ports import Tensor
from sensorium.triton.shared_inputs import Region, SharedInputs

_LARGEST_MESSAGE = 64 << 20
_OPTIONS = (
    ("grpc.max_send_message_length", _LARGEST_MESSAGE),
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
    # A full queue says UNAVAILABLE, so a retry would only add to the load.
    ("grpc.enable_retries", 0),
    # It is on this machine or near: a server that starts is found in moments, not after gRPC's second and more.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
)
_QUEUE_FULL = "Exceeds maximum queue size"
_TIMED_OUT = "Request timeout expired"
_NO_VERSION = "has no available versions"
_STUB_DIED = "is not healthy"
_RETRY_AFTER_SECONDS = 0.1
_REGISTER_SECONDS = 5.0

# Triton's data types by numpy's: https://docs.nvidia.com/deeplearning/triton-inference-server (Model Configuration)
_TRITON_TYPES = {
    np.dtype(numpy_type): name
    for numpy_type, name in (
        ("?", "BOOL"),
        ("u1", "UINT8"),
        ("u2", "UINT16"),
        ("u4", "UINT32"),
        ("u8", "UINT64"),
        ("i1", "INT8"),
        ("i2", "INT16"),
        ("i4", "INT32"),
        ("i8", "INT64"),
        ("f2", "FP16"),
        ("f4", "FP32"),
        ("f8", "FP64"),
    )
}
_NUMPY_TYPES = {name: numpy_type for numpy_type, name in _TRITON_TYPES.items()}

Answer = TypeVar("Answer")


class TritonClient:
    """The client side of Triton's GRPCInferenceService, on one channel.

    `connect` gives it a (new) server; until then, and while the server is away, calls raise Unavailable. Every call
    ends at the current deadline and none is retried. `stub_died` is set when the server reports that a model
    instance's process is gone, which only a restart of the server mends.
    """

    def __init__(self, *, remaining: Callable[[], float | None] = context.remaining) -> None:
        self._remaining = remaining
        self._channel: grpc.aio.Channel | None = None
        self._stub: Any = None
        self._shared: SharedInputs | None = None
        self.stub_died = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def connect(self, target: str, shared_prefix: str = "") -> None:
        """Use the server at `target` from now on; calls in flight to the one before fail with Unavailable.

        One that sees our /dev/shm gets large tensors through regions there, whose names start with `shared_prefix`.
        Always on a fresh channel: one that saw its server die would wait out its back-off before it tried again.
        """
        await self.disconnect()
        self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._shared = SharedInputs(shared_prefix, self._register) if shared_prefix else None
        self.stub_died.clear()

    async def disconnect(self) -> None:
        """Drop the server; calls raise Unavailable until the next `connect`."""
        channel, self._channel, self._stub = self._channel, None, None
        shared, self._shared = self._shared, None
        if channel is not None:
            await channel.close(None)
        if shared is not None:
            shared.close()

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        """Return the named outputs of `model`, as read-only arrays.

        Every array's first axis is the batch where the model's config has a largest batch. `priority` is Triton's: 1
        before 2, 0 the model's default. The current call's remaining time goes with the request, so that Triton
        drops it from its queue when nobody waits any more.

        Raises:
            ResourceExhausted: Triton's queue for the model is full.
            DeadlineExceeded: The time ran out, in the queue or while running.
            Unavailable: There is no server, or it went away.
            NotFound: The server has not loaded the model.
            Internal: Triton refused the request (a wrong name, type or shape), or the model failed.
        """
        remaining = self._remaining()
        if remaining is not None and remaining <= 0:
            raise DeadlineExceeded(f"the deadline passed before model {model!r} was asked")
        async with AsyncExitStack() as stack:
            regions = {}
            if self._shared is not None:
                for name, tensor in inputs.items():
                    regions[name] = await stack.enter_async_context(self._shared.lent(tensor))
            request = infer_request(model, inputs, outputs, priority=priority, timeout=remaining, regions=regions)
            call = self._connected().ModelInfer(request, timeout=remaining, metadata=trace_metadata())
            return arrays_from_response(await self._call(model, call))

    async def ready(self, model: str) -> bool:
        """Return whether the server has loaded `model`; False while there is no server."""
        try:
            request = service_pb2.ModelReadyRequest(name=model)
            answer = await self._call(model, self._connected().ModelReady(request, timeout=self._remaining()))
        except (Unavailable, NotFound):
            return False
        return bool(answer.ready)

    async def live(self) -> bool:
        """Return whether the server answers before the current deadline."""
        try:
            request = service_pb2.ServerLiveRequest()
            answer = await self._call("", self._connected().ServerLive(request, timeout=self._remaining()))
        except (Unavailable, DeadlineExceeded):
            return False
        return bool(answer.live)

    async def load(self, model: str) -> None:
        """Load `model`. Raises Internal with Triton's reason when it does not load."""
        request = service_pb2.RepositoryModelLoadRequest(model_name=model)
        await self._call(model, self._connected().RepositoryModelLoad(request, timeout=self._remaining()))

    async def _register(self, region: Region) -> None:
        asked = service_pb2.SystemSharedMemoryRegisterRequest(
            name=region.name, key=f"/{region.name}", byte_size=region.size
        )
        await self._call("", self._connected().SystemSharedMemoryRegister(asked, timeout=_REGISTER_SECONDS))

    def _connected(self) -> Any:
        if self._stub is None:
            raise Unavailable("Triton is not running", retry_after=1.0)
        return self._stub

    async def _call(self, model: str, call: Awaitable[Answer]) -> Answer:
        try:
            return await call
        except grpc.aio.AioRpcError as fault:
            error = error_from_rpc(model, fault.code(), fault.details() or "")
            if _STUB_DIED in error.message:
                self.stub_died.set()
            raise error from fault
        except asyncio.CancelledError:
            # Closing the channel cancels its calls. Only when nobody cancelled our task was it that.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise Unavailable("Triton went away", retry_after=1.0) from None


def trace_metadata() -> tuple[tuple[str, str], ...]:
    """Return the metadata by which Triton's spans join the current trace; empty outside one.

    Triton 2.51 reads the header past its end, up to a zero byte. The frame that follows the last header begins with
    one, so this must stay the only header: then nearly every call joins, and the few others start traces of their own.
    """
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return (("traceparent", headers["traceparent"]),) if "traceparent" in headers else ()


def infer_request(
    model: str,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    *,
    priority: int,
    timeout: float | None,
    regions: Mapping[str, Region | None] = MappingProxyType({}),
) -> Any:
    """Return the ModelInferRequest with the tensors that lie in no region as raw bytes; `timeout` in seconds.

    Built from the protobuf itself: tritonclient's `InferInput` takes three times as long for the same message.
    """
    request = service_pb2.ModelInferRequest(model_name=model)
    for name, tensor in inputs.items():
        told = request.inputs.add(name=name, datatype=_TRITON_TYPES[tensor.dtype], shape=tensor.shape)
        if region := regions.get(name):
            told.parameters["shared_memory_region"].string_param = region.name
            told.parameters["shared_memory_byte_size"].int64_param = tensor.nbytes
        else:
            request.raw_input_contents.append(tensor.tobytes())
    for name in outputs:
        request.outputs.add(name=name)
    if priority:
        request.parameters["priority"].uint64_param = priority
    if timeout is not None:
        request.parameters["timeout"].int64_param = max(1, int(timeout * 1e6))  # microseconds
    return request


def arrays_from_response(response: Any) -> dict[str, Tensor]:
    """Return the outputs of a ModelInferResponse by name; the arrays look into the message, uncopied."""
    return {
        output.name: np.frombuffer(raw, _NUMPY_TYPES[output.datatype]).reshape(tuple(output.shape))
        for output, raw in zip(response.outputs, response.raw_output_contents, strict=True)
    }


def error_from_rpc(model: str, code: grpc.StatusCode, details: str) -> SensoriumError:
    """Return our error for a failed call. Triton says UNAVAILABLE for three things; only its words tell them apart."""
    metadata = {"model": model} if model else {}
    if _QUEUE_FULL in details:
        message = f"Triton's queue for model {model!r} is full"
        return ResourceExhausted(message, metadata=metadata, retry_after=_RETRY_AFTER_SECONDS)
    if _TIMED_OUT in details or code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(f"the deadline passed while model {model!r} was asked", metadata=metadata)
    if _NO_VERSION in details or _STUB_DIED in details:
        message = f"model {model!r} is not ready: {details}"
        return Unavailable(message, reason=Reason.MODEL_NOT_READY, metadata=metadata, retry_after=1.0)
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unavailable(f"Triton cannot be reached: {details}", metadata=metadata, retry_after=1.0)
    if code is grpc.StatusCode.NOT_FOUND:
        return NotFound(f"Triton has no model {model!r}", reason=Reason.MODEL_NOT_FOUND, metadata=metadata)
    # What follows is a trace through our own backend; its place is the log.
    reason = details.partition("\n\nAt:")[0]
    return Internal(f"Triton refused model {model!r}: {reason}", metadata=metadata)
