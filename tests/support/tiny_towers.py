"""Writes the graphs of two tiny towers, one for images and one for sound, into a model repository.

Run by Triton's own interpreter, which has `onnx`: `python tiny_towers.py REPOSITORY`. Their vectors are a fixed random
projection of the means of patches of pixels, and of the loudness over time.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DIMENSION, SIZE, PATCH = 384, 32, 4
SAMPLES, FRAME = 16_000, 160


def projected(nodes, tensor, kind, shape, features):
    """Return a model that ends in `features`, [batch, n], projected to vectors of length 1."""
    weights = np.random.default_rng(0).normal(size=(features, DIMENSION)).astype(np.float32)
    constants = {"weights": weights, "flat": np.array([-1, features], np.int64)}
    if tensor == "waveform":
        constants["frames"] = np.array([-1, features, FRAME], np.int64)
    nodes = [
        *nodes,
        helper.make_node("Reshape", ["features", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["vectors"]),
        helper.make_node("LpNormalization", ["vectors"], ["embedding"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "projected",
        [helper.make_tensor_value_info(tensor, kind, ["batch", *shape])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSION])],
        [numpy_helper.from_array(array, key) for key, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def save(repository, name, model):
    """Write one model."""
    (repository / name / "1").mkdir(parents=True, exist_ok=True)
    onnx.save(model, repository / name / "1" / "model.onnx")


def main(repository):
    """Write both."""
    node = helper.make_node
    see = [
        node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        node("AveragePool", ["pixels"], ["features"], kernel_shape=[PATCH, PATCH], strides=[PATCH, PATCH]),
    ]
    hear = [
        node("Reshape", ["waveform", "frames"], ["framed"]),
        node("ReduceL2", ["framed"], ["features"], axes=[2], keepdims=0),
    ]
    patches = 3 * (SIZE // PATCH) ** 2
    save(repository, "tiny-image", projected(see, "image", TensorProto.UINT8, [3, SIZE, SIZE], patches))
    save(
        repository,
        "tiny-audio",
        projected(hear, "waveform", TensorProto.FLOAT, [SAMPLES], SAMPLES // FRAME),
    )


main(Path(sys.argv[1]))
