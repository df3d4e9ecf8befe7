"""Exports a BERT sentence encoder once, as an ONNX graph without weights, for the model repository."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import onnx
from bert import SentenceEncoder
from graph import borrow_weights, forget_trace, keep_leading_axes, save, simplify, trace
from safetensors.torch import load_file

UNUSED = {"pooler.dense.bias", "pooler.dense.weight", "embeddings.position_ids"}


def load(source: Path) -> SentenceEncoder:
    """Builds the encoder from `config.json` and fills it from `model.safetensors`."""
    config = json.loads((source / "config.json").read_text())
    encoder = SentenceEncoder(
        vocabulary=config["vocab_size"],
        positions=config["max_position_embeddings"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        layers=config["num_hidden_layers"],
        inner=config["intermediate_size"],
        eps=config["layer_norm_eps"],
    )
    weights = load_file(source / "model.safetensors")
    encoder.load_state_dict({k: v for k, v in weights.items() if k not in UNUSED})
    return encoder.eval()


def export(source: Path, target: Path) -> None:
    """Writes `target`, next to which the build later puts `model.safetensors`."""
    model = trace(load(source))
    simplify(model)
    keep_leading_axes(model)
    forget_trace(model)
    borrow_weights(model, source / "model.safetensors", "model.safetensors")
    save(model, target)


def main() -> None:
    """Parses the command line, exports and lists the operators used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder with config.json and model.safetensors")
    parser.add_argument("target", type=Path, help="the model.onnx to write")
    arguments = parser.parse_args()
    export(arguments.source, arguments.target)
    graph = onnx.load(arguments.target, load_external_data=False).graph
    print(dict(Counter(node.op_type for node in graph.node)))


if __name__ == "__main__":
    main()
