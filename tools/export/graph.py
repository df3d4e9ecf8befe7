"""Turns a traced encoder into a small ONNX graph that borrows its weights from a safetensors file."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir as ir
import onnxscript.optimizer
import torch

OPSET = 17
INPUTS = ("input_ids", "attention_mask")
OUTPUT = "sentence_embedding"
LENGTH_OF_HEADER_SIZE = 8


@dataclass(frozen=True, slots=True)
class Span:
    """Where one tensor's bytes lie in the weights file."""

    offset: int
    length: int


def read_spans(weights: Path) -> dict[str, Span]:
    """Reads the safetensors header: an 8-byte little-endian length, then JSON with relative offsets."""
    with weights.open("rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(LENGTH_OF_HEADER_SIZE))
        header = json.loads(stream.read(size))
    base = LENGTH_OF_HEADER_SIZE + size
    header.pop("__metadata__", None)
    return {
        name: Span(base + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in header.items()
    }


def trace(encoder: torch.nn.Module) -> ir.Model:
    """Traces the encoder with free batch and length; parameters keep their published names."""
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("length", min=2, max=512)
    example = torch.ones(2, 8, dtype=torch.int64)
    examples = (example, example.clone())  # one tensor given twice would be traced as one input
    program = torch.onnx.export(
        encoder,
        examples,
        input_names=INPUTS,
        output_names=(OUTPUT,),
        dynamic_shapes=({0: batch, 1: length}, {0: batch, 1: length}),
        opset_version=OPSET + 1,  # the tracer's lowest; no operator used here differs in OPSET
        dynamo=True,
        optimize=False,
    )
    if program is None:
        raise RuntimeError("the tracer gave no graph")
    return program.model


def simplify(model: ir.Model) -> None:
    """Folds what does not touch a weight, so that every weight stays byte for byte as published."""
    weights = set(model.graph.initializers)

    def should_fold(node: ir.Node) -> bool | None:
        touches = any(value is not None and value.name in weights for value in node.inputs)
        return False if touches else None

    onnxscript.optimizer.optimize_ir(model, should_fold=should_fold)


def keep_leading_axes(model: ir.Model) -> None:
    """Gives every Reshape a constant shape (0 = as it was), so that no shape is computed at run time."""
    for node in model.graph:
        shape_input = node.inputs[1] if node.op_type == "Reshape" else None
        if shape_input is not None and (joined := shape_input.producer()) is not None:
            sizes = [value.const_value if value is not None else None for value in joined.inputs]
            shape = [0 if size is None else int(size.numpy().item()) for size in sizes]
            name = f"shape_{'_'.join(map(str, shape))}"
            node.replace_input_with(1, _constant(model, name, shape))
            node.attributes.pop("allowzero", None)  # the tracer's 1 would read 0 as an empty axis
    onnxscript.optimizer.remove_unused_nodes(model)


def _constant(model: ir.Model, name: str, shape: list[int]) -> ir.Value:
    if name not in model.graph.initializers:
        tensor = ir.tensor(shape, dtype=ir.DataType.INT64, name=name)
        model.graph.register_initializer(ir.val(name, const_value=tensor))
    return model.graph.initializers[name]


def borrow_weights(model: ir.Model, weights: Path, location: str) -> None:
    """Replaces each weight by a reference into `weights`, after comparing the bytes."""
    spans, blob = read_spans(weights), weights.read_bytes()
    for name, value in model.graph.initializers.items():
        if name in spans:
            tensor, span = value.const_value, spans[name]
            if tensor is None or tensor.tobytes() != blob[span.offset : span.offset + span.length]:
                raise ValueError(f"{name}: the traced weight differs from the bytes in {weights}")
            value.const_value = ir.ExternalTensor(
                location, span.offset, span.length, tensor.dtype, shape=ir.Shape(tensor.shape), name=name
            )


def forget_trace(model: ir.Model) -> None:
    """Drops what only the tracer needed: source paths of its machine, and intermediate shapes.

    Without the shapes ONNX Runtime leaves LayerNormalization alone. With them it fuses the residual
    sum into SkipLayerNormalization, whose CPU kernel made the whole model 14 % slower (1.31).
    """
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    for node in model.graph:
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
            if not value.is_graph_output():
                value.shape, value.type = None, None


def save(model: ir.Model, path: Path) -> None:
    """Writes the graph alone and checks it against the ONNX specification of OPSET."""
    model.opset_imports[""] = OPSET
    model.ir_version = 8
    path.write_bytes(ir.to_proto(model).SerializeToString(deterministic=True))
    onnx.checker.check_model(str(path), full_check=True)
