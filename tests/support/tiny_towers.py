"""Writes the graphs of tiny towers into a model repository: for images, sound, texts, and texts with images.

Run by Triton's own interpreter, which has `onnx`: `python tiny_towers.py REPOSITORY`. Their vectors are a fixed random
projection of the means of patches of pixels, of the loudness over time, and of the sum of what each token stands for.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DIMENSION, SIZE, PATCH = 384, 32, 4
SAMPLES, FRAME = 16_000, 160
PATCHES, FRAMES = 3 * (SIZE // PATCH) ** 2, SAMPLES // FRAME
VOCABULARY, TOKEN = 997, 8

node = helper.make_node
IMAGE = ("image", TensorProto.UINT8, [3, SIZE, SIZE])
WAVEFORM = ("waveform", TensorProto.FLOAT, [SAMPLES])
TOKENS = [("input_ids", TensorProto.INT64, ["length"]), ("attention_mask", TensorProto.INT64, ["length"])]
EMBEDDING = ("embedding", TensorProto.FLOAT, [DIMENSION])


def random(*shape):
    """Return fixed noise."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def projected(features, count):
    """Return nodes and constants that project `features`, [batch, ...] of `count` values, to [batch, DIMENSION]."""
    nodes = [
        node("Reshape", [features, f"{features} flat"], [f"{features} rows"]),
        node("MatMul", [f"{features} rows", f"{features} weights"], [f"{features} vectors"]),
    ]
    return nodes, {f"{features} flat": np.array([-1, count], np.int64), f"{features} weights": random(count, DIMENSION)}


def seen():
    """Return nodes and constants that project an image to `patches vectors`."""
    nodes, constants = projected("patches", PATCHES)
    pool = {"kernel_shape": [PATCH, PATCH], "strides": [PATCH, PATCH]}
    see = [
        node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        node("AveragePool", ["pixels"], ["patches"], **pool),
    ]
    return [*see, *nodes], constants


def heard():
    """Return nodes and constants that project a sound to `loudness vectors`."""
    nodes, constants = projected("loudness", FRAMES)
    hear = [
        node("Reshape", ["waveform", "frames"], ["framed"]),
        node("ReduceL2", ["framed"], ["loudness"], axes=[2], keepdims=0),
    ]
    return [*hear, *nodes], {**constants, "frames": np.array([-1, FRAMES, FRAME], np.int64)}


def read():
    """Return nodes and constants that make `tokens`, `weights` and `text vectors` of token ids."""
    nodes, constants = projected("text", TOKEN)
    constants |= {
        "vocabulary": np.array(VOCABULARY, np.int64),
        "table": random(VOCABULARY, TOKEN),
        "last": np.array([-1], np.int64),
        "along": np.array([1], np.int64),
    }
    look = [
        node("Mod", ["input_ids", "vocabulary"], ["known"]),
        node("Gather", ["table", "known"], ["looked up"]),
        node("LpNormalization", ["looked up"], ["tokens"], axis=2, p=2),
        node("ReduceMax", ["tokens"], ["weights"], axes=[2], keepdims=0),
        node("Cast", ["attention_mask"], ["present"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["present", "last"], ["mask"]),
        node("Mul", ["tokens", "mask"], ["own"]),
        node("ReduceSum", ["own", "along"], ["text"], keepdims=0),
    ]
    return [*look, *nodes], constants


def save(repository, name, inputs, outputs, parts):
    """Write a model whose embedding is the largest of what its parts project, by component, of length 1."""
    nodes = [each for part, _ in parts for each in part]
    constants = {key: value for _, part in parts for key, value in part.items()}
    vectors = [part[-1].output[0] for part, _ in parts]
    ending = [
        *(node("LpNormalization", [each], [f"{each} of length 1"], axis=1, p=2) for each in vectors),
        node("Max", [f"{each} of length 1" for each in vectors], ["vectors"]),
        node("LpNormalization", ["vectors"], ["embedding"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        [*nodes, *ending],
        name,
        [helper.make_tensor_value_info(key, kind, ["batch", *shape]) for key, kind, shape in inputs],
        [helper.make_tensor_value_info(key, kind, ["batch", *shape]) for key, kind, shape in outputs],
        [numpy_helper.from_array(array, key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (repository / name / "1").mkdir(parents=True, exist_ok=True)
    onnx.save(model, repository / name / "1" / "model.onnx")


def main(repository):
    """Write all."""
    of_tokens = [("weights", TensorProto.FLOAT, ["length"]), ("tokens", TensorProto.FLOAT, ["length", TOKEN])]
    save(repository, "tiny-image", [IMAGE], [EMBEDDING], [seen()])
    save(repository, "tiny-audio", [WAVEFORM], [EMBEDDING], [heard()])
    save(repository, "tiny-text", TOKENS, [EMBEDDING, *of_tokens], [read()])
    save(repository, "tiny-joint", [*TOKENS, IMAGE], [EMBEDDING], [read(), seen()])


main(Path(sys.argv[1]))
