"""Quantises a float32 ONNX graph to 8-bit weights; a script of its own, for an interpreter that has onnx.

Usage: python quantize.py SOURCE TARGET

Dynamic, signed, per channel: activations are quantised as they come, weights once, here. Depends on onnx and
onnxruntime alone, never on the sensorium package, since it runs in Triton's environment.
"""

import sys
import tempfile
from pathlib import Path

import onnx
import onnxruntime as ort
from onnxruntime.quantization import QuantType, quantize_dynamic


def quantize(source: Path, target: Path) -> None:
    """Write the quantised form of `source`, its weights inside."""
    with tempfile.TemporaryDirectory(dir=source.parent, prefix=".partial-") as folder:
        folded = Path(folder) / "folded.onnx"
        fold(source, folded)
        quantize_dynamic(folded, target, weight_type=QuantType.QInt8, per_channel=True)
    forget_shapes(target)


def fold(source: Path, target: Path) -> None:
    """Write `source` with its transposed weights as plain constants: only those are quantised."""
    options = ort.SessionOptions()
    options.log_severity_level = 3  # a warning about the level chosen here
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "folded.weights")
    ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def forget_shapes(path: Path) -> None:
    """Drop intermediate shapes: with them ONNX Runtime fuses into a normalisation that is slower on processors."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    onnx.save(model, path)


if __name__ == "__main__":
    quantize(Path(sys.argv[1]), Path(sys.argv[2]))
