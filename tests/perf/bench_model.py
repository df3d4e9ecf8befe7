"""Measures the built models in plain ONNX Runtime, float32 and INT8 by turns, so that noise meets both alike.

Usage: python tests/perf/bench_model.py [--threads N] [--seconds S]
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

REPOSITORY = Path(__file__).parents[2] / "model_repository"
MODELS = ("all-minilm-l6-v2", "all-minilm-l6-v2-int8")
SHAPES = ((16, 32), (1, 32), (8, 128))  # [texts, tokens]


def session(model: str, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    graph = REPOSITORY / model / "1" / "model.onnx"
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def measure(sessions: dict[str, ort.InferenceSession], shape: tuple[int, int], seconds: float) -> dict[str, float]:
    """Return the median seconds of one run of each model, run by turns."""
    ids = np.random.default_rng(0).integers(1000, 30000, shape)
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    taken: dict[str, list[float]] = {model: [] for model in sessions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for model, each in sessions.items():
            start = time.perf_counter()
            each.run(None, inputs)
            taken[model].append(time.perf_counter() - start)
    return {model: statistics.median(times) for model, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5, help="for each shape")
    arguments = parser.parse_args()
    sessions = {model: session(model, arguments.threads) for model in MODELS}
    for batch, length in SHAPES:
        medians = measure(sessions, (batch, length), arguments.seconds)
        figures = ", ".join(f"{m}: {1e3 * t:.2f} ms, {batch / t:.0f} texts/s" for m, t in medians.items())
        print(f"{batch} x {length} tokens: {figures}; INT8 is {medians[MODELS[0]] / medians[MODELS[1]]:.2f}x")


if __name__ == "__main__":
    main()
