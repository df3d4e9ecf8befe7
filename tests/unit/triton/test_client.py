"""Requests, responses and errors of the Triton client."""

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from sensorium.errors import (
    DeadlineExceeded,
    Internal,
    NotFound,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.triton.client import TritonClient, arrays_from_response, error_from_rpc, infer_request

Code = grpc.StatusCode


def test_tensors_travel_as_raw_bytes() -> None:
    ids = np.arange(6, dtype=np.int64).reshape(2, 3)
    request = infer_request("m", {"ids": ids.T}, ["y"], priority=2, timeout=0.5)
    assert (request.inputs[0].datatype, list(request.inputs[0].shape)) == ("INT64", [3, 2])
    assert request.raw_input_contents[0] == np.ascontiguousarray(ids.T).tobytes()
    assert [output.name for output in request.outputs] == ["y"]
    assert request.parameters["priority"].uint64_param == 2
    assert request.parameters["timeout"].int64_param == 500_000


def test_without_priority_and_deadline_the_models_defaults_hold() -> None:
    assert not infer_request("m", {}, [], priority=0, timeout=None).parameters


def test_outputs_are_read_by_name() -> None:
    response = service_pb2.ModelInferResponse()
    for name, array in (("a", np.ones((1, 2), np.float16)), ("b", np.arange(3, dtype=np.int32))):
        datatype = {"a": "FP16", "b": "INT32"}[name]
        response.outputs.add(name=name, datatype=datatype, shape=array.shape)
        response.raw_output_contents.append(array.tobytes())
    arrays = arrays_from_response(response)
    assert {name: (array.dtype.name, array.tolist()) for name, array in arrays.items()} == {
        "a": ("float16", [[1, 1]]),
        "b": ("int32", [0, 1, 2]),
    }


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (Code.UNAVAILABLE, "[request id: <id_unknown>] Exceeds maximum queue size", ResourceExhausted),
        (Code.UNAVAILABLE, "Request timeout expired", DeadlineExceeded),
        (Code.UNAVAILABLE, "failed to connect to all addresses", Unavailable),
        (Code.DEADLINE_EXCEEDED, "Deadline Exceeded", DeadlineExceeded),
        (Code.NOT_FOUND, "Request for unknown model: 'm' is not found", NotFound),
        (Code.NOT_FOUND, "Request for unknown model: 'm' has no available versions", Unavailable),
        (Code.INTERNAL, "Stub process 'm_0_0' is not healthy.", Unavailable),
        (Code.INVALID_ARGUMENT, "unexpected shape for input 'x' for model 'm'", Internal),
    ],
)
def test_tritons_words_become_our_errors(code: grpc.StatusCode, details: str, kind: type[SensoriumError]) -> None:
    assert type(error_from_rpc("m", code, details)) is kind


def test_a_full_queue_says_when_to_come_again() -> None:
    error = error_from_rpc("m", Code.UNAVAILABLE, "Exceeds maximum queue size")
    assert error.retry_after
    assert error.metadata == {"model": "m"}


def test_a_load_error_leaves_out_the_trace_through_our_backend() -> None:
    details = "load failed for model 'm': no graph\n\nAt:\n  backends/onnxruntime/model.py(1): open\n"
    assert error_from_rpc("m", Code.INVALID_ARGUMENT, details).message.endswith("no graph")


async def test_without_a_server_a_call_is_unavailable_and_nothing_is_ready() -> None:
    client = TritonClient(remaining=lambda: 1.0)
    with pytest.raises(Unavailable):
        await client.infer("m", {}, ["y"])
    assert not await client.ready("m")


async def test_a_passed_deadline_is_told_before_anything_is_sent() -> None:
    client = TritonClient(remaining=lambda: -0.1)
    with pytest.raises(DeadlineExceeded):
        await client.infer("m", {}, ["y"])
