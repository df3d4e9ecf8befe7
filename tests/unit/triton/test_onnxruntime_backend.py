"""The backend that runs ONNX models inside Triton, on a stand-in for Triton's module and real ONNX Runtime sessions."""

import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "services/sensorium/triton/backends/onnxruntime"
CUDA = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
TENSORRT = {
    "gpu_execution_accelerator": [
        {"name": "tensorrt", "parameters": {"precision_mode": "FP16", "trt_engine_cache_enable": "1"}}
    ]
}


@dataclass
class Tensor:
    name: str
    array: Any

    def as_numpy(self) -> Any:
        return self.array


@dataclass
class Response:
    tensors: list[Tensor] = field(default_factory=list)
    error: Any = None


class Session:
    """Doubles its input, and counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, outputs: Sequence[str], feeds: dict[str, Any]) -> list[Any]:
        self.runs += 1
        if feeds["x"].shape[1] == 13:
            raise ValueError("no thirteen")
        return [2 * feeds["x"]]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The backend's module, as the stub would import it."""
    triton = ModuleType("triton_python_backend_utils")
    triton.Tensor, triton.InferenceResponse, triton.TritonError = Tensor, Response, str  # type: ignore[attr-defined]
    triton.TritonModelException = type("TritonModelException", (Exception,), {})  # type: ignore[attr-defined]
    triton.get_input_tensor_by_name = lambda request, name: request.get(name)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, triton.__name__, triton)
    return load("model")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"onnxruntime_backend_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(backend: ModuleType) -> Any:
    made = backend.TritonPythonModel()
    made._inputs, made._outputs, made._joins = ["x"], ["y"], True
    made._session = Session()
    made._read, made._write = backend.array_exchange("1.26.4")
    return made


def request(*shape: int, value: float = 1) -> dict[str, Tensor]:
    return {"x": Tensor("x", np.full(shape, value, np.float32))}


def test_requests_of_equal_shape_run_as_one_and_are_split_in_order(model: Any) -> None:
    responses = model.execute([request(1, 3, value=1), request(2, 3, value=2), request(1, 3, value=3)])
    assert [response.tensors[0].array.tolist() for response in responses] == [[[2] * 3], [[4] * 3] * 2, [[6] * 3]]
    assert model._session.runs == 1


def test_requests_of_other_lengths_run_apart(model: Any) -> None:
    responses = model.execute([request(1, 3), request(1, 4), request(1, 3)])
    assert [response.tensors[0].array.shape for response in responses] == [(1, 3), (1, 4), (1, 3)]
    assert model._session.runs == 2


def test_without_batching_each_request_runs_by_itself(model: Any) -> None:
    model._joins = False
    model.execute([request(1, 3), request(1, 3)])
    assert model._session.runs == 2


def test_a_failing_request_fails_alone(model: Any) -> None:
    bad, good = model.execute([request(1, 13), request(1, 3)])
    assert bad.error == "onnxruntime: no thirteen"
    assert good.tensors[0].array.tolist() == [[2, 2, 2]]


@pytest.mark.parametrize(
    ("kind", "available", "names"),
    [
        ("CPU", CUDA, ["CPUExecutionProvider"]),
        ("GPU", ["CPUExecutionProvider"], ["CPUExecutionProvider"]),
        ("GPU", CUDA, ["CUDAExecutionProvider", "CPUExecutionProvider"]),
        ("TRITONSERVER_INSTANCEGROUPKIND_GPU", CUDA, ["CUDAExecutionProvider", "CPUExecutionProvider"]),
    ],
)
def test_the_instances_device_chooses_the_provider(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: str, available: list[str], names: list[str]
) -> None:
    monkeypatch.setattr(backend, "preload_cuda", lambda: None)
    providers = backend.choose_providers(kind, 3, {}, available)
    assert [name for name, _ in providers] == names
    assert all(options == {"device_id": "3"} for name, options in providers if name.startswith("CUDA"))


@pytest.mark.parametrize(
    ("installed", "accelerators", "used"), [(True, TENSORRT, True), (False, TENSORRT, False), (True, {}, False)]
)
def test_tensorrt_is_used_where_asked_for_and_installed(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, *, installed: bool, accelerators: dict[str, Any], used: bool
) -> None:
    monkeypatch.setattr(backend, "preload_cuda", lambda: None)
    monkeypatch.setattr(backend, "has_tensorrt", lambda: installed)
    providers = dict(backend.choose_providers("GPU", 0, accelerators, CUDA))
    expected = {"device_id": "0", "trt_fp16_enable": "1", "trt_engine_cache_enable": "1"}
    assert providers.get("TensorrtExecutionProvider") == (expected if used else None)


@pytest.mark.parametrize(
    ("configured", "file"), [("", "model.onnx"), ("model.py", "model.onnx"), ("model.int8.onnx", "model.int8.onnx")]
)
def test_the_models_file_is_never_taken_for_the_backends(backend: ModuleType, configured: str, file: str) -> None:
    args = {"model_repository": "/repository/m", "model_version": "2"}
    assert backend.model_path(args, {"default_model_filename": configured}) == Path("/repository/m/2", file)


def test_parameters_become_session_options(backend: ModuleType) -> None:
    values = {"intra_op_thread_count": "2", "session.intra_op.allow_spinning": "0", "enable_mem_arena": "0"}
    parameters = {key: {"string_value": value} for key, value in values.items()}
    options = backend.session_options({"parameters": parameters, "optimization": {"graph": {"level": -1}}})
    assert options.intra_op_num_threads == 2
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert not options.enable_cpu_mem_arena
    assert options.graph_optimization_level.name == "ORT_ENABLE_BASIC"


def test_a_missing_graph_says_to_build_the_model(backend: ModuleType, tmp_path: Path) -> None:
    args = {
        "model_config": json.dumps({"input": [], "output": []}),
        "model_repository": str(tmp_path),
        "model_version": "1",
        "model_instance_kind": "CPU",
        "model_instance_device_id": "0",
    }
    with pytest.raises(Exception, match="build the model first"):
        backend.open_session(args, json.loads(args["model_config"]))


def test_an_unknown_numpy_is_refused(backend: ModuleType) -> None:
    with pytest.raises(Exception, match=r"numpy 3\.0\.0 is installed"):
        backend.array_exchange("3.0.0")


@pytest.fixture
def outgoing(backend: ModuleType) -> Callable[[Any], Any]:
    return load("numpy_two").outgoing_dtype  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int32", "int64"])
def test_a_dtype_for_the_stub_leaves_numpys_own_as_it_is(outgoing: Callable[[Any], Any], name: str) -> None:
    own = np.dtype(name)
    made = outgoing(own)
    array = np.arange(5).astype(name).view(made)
    assert made is not own
    assert own.flags == 0
    assert array.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["uint8", "bool", "object"])
def test_a_dtype_that_the_stub_would_misread_is_refused(outgoing: Callable[[Any], Any], name: str) -> None:
    with pytest.raises(TypeError, match="cannot be handed"):
        outgoing(np.dtype(name))
