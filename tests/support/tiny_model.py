"""Models over the real Triton whose towers are tiny.

One has MiniLM for texts, and tiny towers for images and sound; the other reads texts and images together, and gives
weights and vectors of tokens besides.
"""

import os
import subprocess
from hashlib import sha256
from pathlib import Path

from mesh_process import ROOT

from sensorium.triton.config import write_files

ENVIRONMENT = Path(os.environ.get("SENSORIUM_TRITON__ENVIRONMENT", ROOT / ".venv-triton"))
NAME, WHOLE = "tiny-trimodal", "tiny-whole"
TEXT = "all-minilm-l6-v2"

HEAD = """
name = "{name}"
revision = "1"
description = "A model for tests."
languages = ["en"]
license = "Apache-2.0"
dimension = 384
normalized = true
metric = "cosine"
precision = "float32"
fusions = {fusions}
[provenance]
source = "tests"
package = "tests"
weights_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[towers.text]
tokenizer = "../all-minilm-l6-v2/tokenizer.json"
tokenizer_sha256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
max_token_count = 256
"""
CARDS = {
    NAME: HEAD.format(name=NAME, fusions=["average"])
    + """
model = "all-minilm-l6-v2"
output = "sentence_embedding"
[towers.image]
model = "tiny-image"
size = 32
[towers.audio]
model = "tiny-audio"
sample_rate = 16000
seconds = 1
usage_weight = 2
[calibration.text]
slope = 20.0
intercept = -10.0
[calibration.image]
slope = 20.0
intercept = -10.0
[calibration.audio]
slope = 20.0
intercept = -10.0
""",
    WHOLE: HEAD.format(name=WHOLE, fusions=["joint", "average"])
    + """
model = "tiny-text"
output = "embedding"
[towers.text.sparse]
output = "weights"
of = "tokens"
[towers.text.multi]
output = "tokens"
dimension = 8
[towers.image]
model = "tiny-image"
size = 32
[towers.joint]
model = "tiny-joint"
""",
}
IMAGE, WAVEFORM = ("image", "UINT8", [3, 32, 32]), ("waveform", "FP32", [16_000])
TOKENS = [("input_ids", "INT64", [-1]), ("attention_mask", "INT64", [-1])]
OF_TOKENS = [("weights", "FP32", [-1]), ("tokens", "FP32", [-1, 8])]
TOWERS = {
    "tiny-image": ([IMAGE], []),
    "tiny-audio": ([WAVEFORM], []),
    "tiny-text": (TOKENS, OF_TOKENS),
    "tiny-joint": ([*TOKENS, IMAGE], []),
}
TENSOR = """
[[{side}]]
name = "{name}"
dtype = "{dtype}"
dims = {dims}
"""
MANIFEST = """
name = "{name}"
max_batch_size = 32
{lengths}
{tensors}
[queue]
priorities = 2
default_priority = 2
max_size = 256
timeout_ms = 30000
delay_us = 0
[graph]
file = "1/model.onnx"
sha256 = "{sha256}"
[cpu]
instances = 1
threads = 1
warmup = [[1, 1]]
"""


def write_repository(folder: Path) -> Path:
    """Write a model repository into `folder`; MiniLM is that of this checkout."""
    script = Path(__file__).with_name("tiny_towers.py")
    subprocess.run([ENVIRONMENT / "bin/python", script, folder], check=True)
    for name, (inputs, outputs) in TOWERS.items():
        digest = sha256((folder / name / "1" / "model.onnx").read_bytes()).hexdigest()
        sides = {"inputs": inputs, "outputs": [("embedding", "FP32", [384]), *outputs]}
        tensors = "".join(
            TENSOR.format(side=side, name=tensor, dtype=dtype, dims=dims)
            for side, found in sides.items()
            for tensor, dtype, dims in found
        )
        lengths = "lengths = [16, 256]" if TOKENS[0] in inputs else ""
        manifest = MANIFEST.format(name=name, lengths=lengths, tensors=tensors, sha256=digest)
        (folder / name / "manifest.toml").write_text(manifest)
    write_files(folder)
    (folder / TEXT).symlink_to(ROOT / "model_repository" / TEXT)
    for name, card in CARDS.items():
        (folder / name).mkdir()
        (folder / name / "card.toml").write_text(card)
    return folder
