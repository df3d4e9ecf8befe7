"""`sensorium model verify` on a real Triton: every file right, every canary passed, and parity or what it needs."""

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from mesh_process import ROOT

NAME = "starter-trimodal-v1"
TOWERS = ("all-minilm-l6-v2", f"{NAME}-image", f"{NAME}-audio")


def verify(model: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sensorium", "model", "verify", model, "--json"]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=False, timeout=110
    )


def test_every_tower_is_proven() -> None:
    ran = verify(NAME)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert {file["state"] for file in found["files"]} == {"right"}
    assert [(canary["model"], canary["passed"]) for canary in found["canaries"]] == [(name, True) for name in TOWERS]
    assert found["no_parity"] == "its card names no reference"


def test_a_graph_that_triton_cannot_load_is_told(tmp_path: Path) -> None:
    image = f"{NAME}-image"
    shutil.copytree(ROOT / "model_repository" / image, tmp_path / image)
    card = (ROOT / "model_repository" / NAME / "card.toml").read_text()
    text, rest = card.index("[towers.text]"), card.index("[towers.image]")
    alone = card[:text] + card[rest : card.index("[towers.audio]")] + card[card.index("[training]") :]
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "card.toml").write_text(alone)
    graph, manifest = tmp_path / image / "1" / "model.onnx", tmp_path / image / "manifest.toml"
    published = sha256(graph.read_bytes()).hexdigest()
    graph.write_bytes(b"no graph")
    manifest.write_text(manifest.read_text().replace(published, sha256(b"no graph").hexdigest()))
    ran = verify(NAME, SENSORIUM_TRITON__MODEL_REPOSITORY=str(tmp_path))
    assert ran.returncode == 5, ran.stderr
    (canary,) = json.loads(ran.stdout)["canaries"]
    assert not canary["passed"]
    assert image in ran.stderr
