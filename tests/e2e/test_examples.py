"""Every example in the README and the guides runs, in order, against a real mesh."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mesh_process import ROOT, MeshProcess

NAMES = ("README.md", "docs/cli.md", "docs/client.md", "docs/datasets.md", "docs/http.md")
PAGES = [ROOT / name for name in NAMES]
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INTERPRETERS = {"python": [sys.executable, "-c"], "sh": ["bash", "-euo", "pipefail", "-c"]}


def environment(mesh: MeshProcess) -> dict[str, str]:
    scripts = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "SENSORIUM_ADDRESS": mesh.grpc_address,
    }


@pytest.mark.timeout(600)  # A page holds up to twenty commands, each of which starts Python.
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run_in_order(page: Path, mesh: MeshProcess) -> None:
    blocks = BLOCK.findall(page.read_text())
    assert blocks
    for language, example in blocks:
        script = example.replace("127.0.0.1:50051", mesh.grpc_address).replace("127.0.0.1:8080", mesh.http_address)
        ran = subprocess.run(
            [*INTERPRETERS[language], script],
            env=environment(mesh),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert ran.returncode == 0, f"{script}\n{ran.stdout}\n{ran.stderr}"


def test_help_names_every_make_target() -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {target for target in targets if target not in shown} == set()
