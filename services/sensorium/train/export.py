"""Writes trained towers as ONNX graphs for any batch, and proves that they compute what the towers compute."""

import copy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from sensorium.errors import Internal

_OPSET = 18
# Half precision rounds weights by one part in 2,000; vectors of length 1 move by less than this.
LARGEST_DIFFERENCE = 5e-3


def export_tower(tower: nn.Module, example: Tensor, tensor: str, path: Path, *, half: bool) -> float:
    """Write `tower` to `path`, and return the largest difference between its vectors and the graph's.

    Args:
        tower: Takes one tensor [batch, ...], returns float32 [batch, dimension].
        example: An input of two rows or more.
        tensor: What the graph calls the input; the output is called `embedding`.
        path: The file.
        half: Whether large weights are stored in half precision; the runtime widens them when it loads.

    Raises:
        Internal: The graph computes something else than the tower.
    """
    tower = fused(tower.eval())
    path.parent.mkdir(parents=True, exist_ok=True)
    batch = torch.export.Dim("batch", min=1, max=1024)
    program = torch.onnx.export(
        tower,
        (example,),
        input_names=[tensor],
        output_names=["embedding"],
        opset_version=_OPSET,
        dynamic_shapes=({0: batch},),
        dynamo=True,
        verbose=False,
    )
    graph = bare(program.model_proto)
    onnx.save(halved(graph) if half else graph, path)
    with torch.inference_mode():
        expected = tower(example).numpy()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    difference = float(np.abs(session.run(None, {tensor: example.numpy()})[0] - expected).max())
    if difference > LARGEST_DIFFERENCE:
        raise Internal(f"{path} differs from its tower by {difference:.2g}")
    return difference


def fused(network: nn.Module) -> nn.Module:
    """Return a copy in which each normalisation is part of the convolution before it."""
    network = copy.deepcopy(network)
    for parent in network.modules():
        before: tuple[str, nn.Conv2d] | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d) and before:
                setattr(parent, before[0], nn.utils.fuse_conv_bn_eval(before[1], child))
                setattr(parent, name, nn.Identity())
            before = (name, child) if isinstance(child, nn.Conv2d) else None
    return network


def bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph without notes of how it was made: they name files of the machine that made it."""
    graph = model.graph
    for noted in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")
    return model


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with its large weights in half precision, widened where they are used."""
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < 256:
            continue
        name, weights = tensor.name, numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    return model
