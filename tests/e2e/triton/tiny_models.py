"""Writes a model repository of tiny graphs, so that these tests need no real model.

Run by Triton's own interpreter, which has `onnx`: `python tiny_models.py REPOSITORY`.
"""

import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper

CONFIG = """
name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch}
input [ {{ name: "x" data_type: TYPE_FP32 dims: {dims} }} ]
output [ {{ name: "y" data_type: TYPE_FP32 dims: {dims} }} ]
instance_group [ {{ kind: KIND_AUTO count: {instances} }} ]
parameters {{ key: "intra_op_thread_count" value {{ string_value: "1" }} }}
parameters {{ key: "session.intra_op.allow_spinning" value {{ string_value: "0" }} }}
optimization {{ execution_accelerators {{ gpu_execution_accelerator: [
  {{ name: "tensorrt" parameters {{ key: "precision_mode" value: "FP16" }} }}
] }} }}
{queue}
"""
QUEUE = """
dynamic_batching {{
  priority_levels: 2
  default_priority_level: 2
  default_queue_policy {{
    timeout_action: REJECT default_timeout_microseconds: 10000000 allow_timeout_override: true max_queue_size: {size}
  }}
}}
"""


def save(repository, name, nodes, *, batch=64, instances=2, queue=0):
    """Write one model: its graph of `nodes` from `x` to `y`, both float [batch, n], and its config."""
    tensors = [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["batch", None]) for tensor in "xy"]
    factors = [helper.make_tensor(key, TensorProto.FLOAT, [1], [value]) for key, value in (("two", 2), ("zero", 0))]
    graph = helper.make_graph(nodes, name, tensors[:1], tensors[1:], factors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    policy = QUEUE.format(size=queue) if queue else ""
    dims = [-1] if batch else [-1, -1]
    config = CONFIG.format(name=name, batch=batch, dims=dims, instances=instances, queue=policy)
    (repository / name / "config.pbtxt").write_text(config)


def main(repository):
    """Write all of them."""
    node = helper.make_node
    double = [node("Mul", ["x", "two"], ["y"])]
    save(repository, "double", double, queue=256)
    save(repository, "plain", double, batch=0)
    save(repository, "zeros", [node("Mul", ["x", "zero"], ["y"])])
    save(repository, "broken", double)
    (repository / "broken/1/model.onnx").write_bytes(b"no graph")
    save(repository, "mistyped", double)
    config = repository / "mistyped/config.pbtxt"
    config.write_text(config.read_text().replace("FP32", "INT64"))
    # Work in the cube of the length of `x`: a model that takes as long as a test wants.
    slow = [
        node("Transpose", ["x"], ["column"]),
        node("MatMul", ["column", "x"], ["square"]),
        node("MatMul", ["square", "square"], ["cube"]),
        node("ReduceMax", ["cube"], ["y"], axes=[0]),
    ]
    save(repository, "slow", slow, batch=1, instances=1, queue=2)


main(Path(sys.argv[1]))
