"""Runs ONNX models inside a Triton that has only the Python backend, from the same config.pbtxt
that the native onnxruntime backend reads.

It stands in a backend directory of its own (`onnxruntime/model.py`), so Triton starts one of
these per instance for every model whose config says `backend: "onnxruntime"`. It depends on
numpy and onnxruntime alone, never on the sensorium package, and uses the parameter names of
https://github.com/triton-inference-server/onnxruntime_backend. Tensors are never cast.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils

# Triton's data types and how ONNX Runtime writes them.
ONNX_TYPES = {
    "TYPE_BOOL": "tensor(bool)",
    "TYPE_UINT8": "tensor(uint8)",
    "TYPE_UINT16": "tensor(uint16)",
    "TYPE_UINT32": "tensor(uint32)",
    "TYPE_UINT64": "tensor(uint64)",
    "TYPE_INT8": "tensor(int8)",
    "TYPE_INT16": "tensor(int16)",
    "TYPE_INT32": "tensor(int32)",
    "TYPE_INT64": "tensor(int64)",
    "TYPE_FP16": "tensor(float16)",
    "TYPE_FP32": "tensor(float)",
    "TYPE_FP64": "tensor(double)",
}

# The native backend's names for TensorRT options where they differ from ONNX Runtime's.
TENSORRT_OPTIONS = {"max_workspace_size_bytes": "trt_max_workspace_size"}
TENSORRT_PRECISIONS = {
    "FP16": {"trt_fp16_enable": "1"},
    "INT8": {"trt_int8_enable": "1"},
    "FP32": {},
}
GRAPH_LEVELS = {
    -1: ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    0: ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    1: ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    2: ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}

Provider = tuple[str, dict[str, str]]


class TritonPythonModel:
    """One model instance: one ONNX Runtime session on one device."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Loads the graph. Raises `pb_utils.TritonModelException`, which fails the load alone."""
        config = json.loads(args["model_config"])
        self._read, self._write = array_exchange(np.__version__)
        self._inputs = [spec["name"] for spec in config["input"]]
        self._outputs = [spec["name"] for spec in config["output"]]
        self._joins = config.get("max_batch_size", 0) > 0
        self._session = open_session(args, config)
        check_tensors(config, "input", self._session.get_inputs())
        check_tensors(config, "output", self._session.get_outputs())

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answers every request, in order; a failing one gets an error of its own."""
        feeds = [self._feed(request) for request in requests]
        responses: list[Any] = [None] * len(requests)
        for group in self._groups(feeds):
            for index, response in zip(group, self._run([feeds[i] for i in group]), strict=True):
                responses[index] = response
        return responses

    def _feed(self, request: Any) -> dict[str, np.ndarray]:
        tensors = ((name, pb_utils.get_input_tensor_by_name(request, name)) for name in self._inputs)
        return {name: self._read(tensor) for name, tensor in tensors if tensor is not None}

    def _groups(self, feeds: Sequence[Mapping[str, np.ndarray]]) -> Iterable[list[int]]:
        if len(feeds) == 1 or not self._joins:
            return [[index] for index in range(len(feeds))]
        groups: dict[Any, list[int]] = {}
        for index, feed in enumerate(feeds):
            # Only the batch axis may differ between requests that run as one.
            key = tuple((name, array.shape[1:]) for name, array in feed.items())
            groups.setdefault(key, []).append(index)
        return groups.values()

    def _run(self, feeds: Sequence[Mapping[str, np.ndarray]]) -> list[Any]:
        try:
            if len(feeds) == 1:
                return [self._response(self._session.run(self._outputs, feeds[0]))]
            joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
            return self._split(feeds, self._session.run(self._outputs, joined))
        except Exception as error:  # a crash would take every model of this instance with it
            message = f"onnxruntime: {error}"
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError(message)) for _ in feeds]

    def _split(self, feeds: Sequence[Mapping[str, np.ndarray]], arrays: Sequence[np.ndarray]) -> list[Any]:
        sizes = [len(next(iter(feed.values()))) for feed in feeds]
        ends = np.cumsum(sizes)
        if any(len(array) != ends[-1] for array in arrays):
            raise ValueError(f"an output has not the {ends[-1]} rows of the joined inputs")
        return [
            self._response([array[end - size : end] for array in arrays]) for size, end in zip(sizes, ends, strict=True)
        ]

    def _response(self, arrays: Sequence[np.ndarray]) -> Any:
        named = zip(self._outputs, arrays, strict=True)
        return pb_utils.InferenceResponse([self._write(name, array) for name, array in named])


def array_exchange(version: str) -> tuple[Callable[[Any], Any], Callable[[str, Any], Any]]:
    """Return how to read an input's array and how to write an output under this numpy."""
    major = int(version.split(".", maxsplit=1)[0])
    if major == 1:
        return lambda tensor: tensor.as_numpy(), pb_utils.Tensor
    if major == 2:
        import numpy_two  # noqa: PLC0415 - lies beside this file, for an interpreter without numpy 1

        return numpy_two.read, numpy_two.write
    raise pb_utils.TritonModelException(
        f"numpy {version} is installed, and this Triton cannot read its arrays: recreate its"
        " environment from requirements/triton.lock"
    )


def open_session(args: Mapping[str, str], config: Mapping[str, Any]) -> ort.InferenceSession:
    """Opens the model's file on the instance's device."""
    path = model_path(args, config)
    if not path.is_file():
        raise pb_utils.TritonModelException(f"there is no model file {path}: build the model first")
    accelerators = (config.get("optimization") or {}).get("execution_accelerators") or {}
    providers = choose_providers(args["model_instance_kind"], int(args["model_instance_device_id"]), accelerators)
    try:
        return ort.InferenceSession(path, session_options(config), providers=providers)
    except Exception as error:
        raise pb_utils.TritonModelException(f"onnxruntime cannot load {path.name}: {error}") from error


def model_path(args: Mapping[str, str], config: Mapping[str, Any]) -> Path:
    """Where the graph lies: `<repository>/<version>/<default_model_filename or model.onnx>`."""
    name = config.get("default_model_filename") or ""
    # Triton fills in `model.py` (this file) for a Python backend when the config names none.
    name = name if name.endswith(".onnx") else "model.onnx"
    return Path(args["model_repository"]) / args["model_version"] / name


def session_options(config: Mapping[str, Any]) -> ort.SessionOptions:
    """The thread counts, graph level and `session.*` entries that the config asks for."""
    values = {key: entry["string_value"] for key, entry in config.get("parameters", {}).items()}
    graph = (config.get("optimization") or {}).get("graph") or {}
    options = ort.SessionOptions()
    options.log_severity_level = 3  # errors: warnings about fused nodes would fill Triton's log
    options.graph_optimization_level = GRAPH_LEVELS[int(graph.get("level", 0))]
    options.intra_op_num_threads = int(values.get("intra_op_thread_count", 0))
    options.inter_op_num_threads = int(values.get("inter_op_thread_count", 0))
    options.execution_mode = ort.ExecutionMode(int(values.get("execution_mode", 0)))
    options.enable_cpu_mem_arena = values.get("enable_mem_arena", "1") == "1"
    options.enable_mem_pattern = values.get("enable_mem_pattern", "1") == "1"
    for key, value in values.items():
        if key.startswith("session."):
            options.add_session_config_entry(key, value)
    return options


def choose_providers(
    kind: str, device: int, accelerators: Mapping[str, Any], available: Sequence[str] | None = None
) -> list[Provider]:
    """ONNX Runtime's execution providers, the preferred first.

    A GPU instance gets CUDA, and TensorRT before it where the config asks and its library is
    installed; the processor comes last everywhere, for what the others cannot run.
    """
    if available is None:
        available = ort.get_available_providers()
    providers: list[Provider] = []
    if kind.endswith("GPU") and "CUDAExecutionProvider" in available:
        preload_cuda()
        asked = {entry["name"]: entry for entry in accelerators.get("gpu_execution_accelerator", [])}
        if "tensorrt" in asked and "TensorrtExecutionProvider" in available and has_tensorrt():
            options = tensorrt_options(asked["tensorrt"].get("parameters", {}))
            providers.append(("TensorrtExecutionProvider", {"device_id": str(device), **options}))
        options = dict(asked.get("cuda", {}).get("parameters", {}))
        providers.append(("CUDAExecutionProvider", {"device_id": str(device), **options}))
    return [*providers, ("CPUExecutionProvider", {})]


def tensorrt_options(parameters: Mapping[str, str]) -> dict[str, str]:
    """The accelerator block's parameters as ONNX Runtime names them."""
    rest = {TENSORRT_OPTIONS.get(k, k): v for k, v in parameters.items() if k != "precision_mode"}
    return {**TENSORRT_PRECISIONS[parameters.get("precision_mode", "FP32").upper()], **rest}


def preload_cuda() -> None:
    """Loads CUDA and cuDNN from the environment's own wheels, so a plain machine needs neither."""
    ort.preload_dlls()


def has_tensorrt() -> bool:
    """Whether TensorRT's library can be loaded: ONNX Runtime lists the provider either way."""
    try:
        ctypes.CDLL("libnvinfer.so.10")
    except OSError:
        return False
    return True


def check_tensors(config: Mapping[str, Any], side: str, tensors: Sequence[Any]) -> None:
    """Fails the load where the config and the graph disagree on a tensor's name or type."""
    types = {tensor.name: tensor.type for tensor in tensors}
    for spec in config[side]:
        name, wanted = spec["name"], ONNX_TYPES.get(spec["data_type"])
        if types.get(name) != wanted or wanted is None:
            raise pb_utils.TritonModelException(
                f"config.pbtxt says {side} {name!r} is {spec['data_type']}, the graph has {types}"
            )
