"""A model of three towers over the real Triton: MiniLM for texts, and two tiny ones for images and sound."""

import os
import subprocess
from hashlib import sha256
from pathlib import Path

from mesh_process import ROOT

from sensorium.triton.config import write_files

ENVIRONMENT = Path(os.environ.get("SENSORIUM_TRITON__ENVIRONMENT", ROOT / ".venv-triton"))
NAME = "tiny-trimodal"
TEXT = "all-minilm-l6-v2"

CARD = """
name = "tiny-trimodal"
revision = "1"
description = "A model for tests."
languages = ["en"]
license = "Apache-2.0"
dimension = 384
normalized = true
metric = "cosine"
precision = "float32"
[provenance]
source = "tests"
package = "tests"
weights_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[towers.text]
model = "all-minilm-l6-v2"
output = "sentence_embedding"
tokenizer = "../all-minilm-l6-v2/tokenizer.json"
tokenizer_sha256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
max_token_count = 256
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
"""
MANIFEST = """
name = "{name}"
max_batch_size = 32
[[inputs]]
name = "{tensor}"
dtype = "{dtype}"
dims = {dims}
[[outputs]]
name = "embedding"
dtype = "FP32"
dims = [384]
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
    """Write a model repository into `folder`; the text tower is that of this checkout."""
    script = Path(__file__).with_name("tiny_towers.py")
    subprocess.run([ENVIRONMENT / "bin/python", script, folder], check=True)
    for name, tensor, dtype, dims in (
        ("tiny-image", "image", "UINT8", [3, 32, 32]),
        ("tiny-audio", "waveform", "FP32", [16_000]),
    ):
        digest = sha256((folder / name / "1" / "model.onnx").read_bytes()).hexdigest()
        manifest = MANIFEST.format(name=name, tensor=tensor, dtype=dtype, dims=dims, sha256=digest)
        (folder / name / "manifest.toml").write_text(manifest)
    write_files(folder)
    (folder / TEXT).symlink_to(ROOT / "model_repository" / TEXT)
    (folder / NAME).mkdir()
    (folder / NAME / "card.toml").write_text(CARD)
    return folder
