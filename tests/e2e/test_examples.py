"""Every example in the README and the guides runs, in order, against a real mesh.

Those of the README start `sensorium` as a reader does; the hundred of the guides are forks of one process.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mesh_process import ROOT, MeshProcess
from warm_cli import warm_cli

NAMES = ("docs/cli.md", "docs/client.md", "docs/datasets.md", "docs/http.md")
GUIDES = [ROOT / name for name in NAMES]
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CURL = re.compile(r"^curl ", re.MULTILINE)
INSTALLED = Path(sys.executable).parent
INTERPRETERS = {"python": [sys.executable, "-c"], "sh": ["bash", "-euo", "pipefail", "-c"]}


def environment(mesh: MeshProcess, scripts: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(scripts), str(INSTALLED), os.environ["PATH"]]),
        "SENSORIUM_ADDRESS": mesh.grpc_address,
    }


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm_cli(tmp_path_factory.mktemp("cli")) as scripts:
        yield scripts


@pytest.mark.timeout(600)
def test_the_examples_of_the_readme_run_in_order(mesh: MeshProcess) -> None:
    run_examples(ROOT / "README.md", mesh, INSTALLED)


@pytest.mark.timeout(600)  # A page holds up to fifty commands.
@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_the_examples_of_a_guide_run_in_order(page: Path, mesh: MeshProcess, warm: Path) -> None:
    run_examples(page, mesh, warm)


@pytest.mark.timeout(1800)  # Fifty commands, which a busy machine may take ten seconds for each.
def test_the_workflow_runs_step_by_step(starter_mesh: MeshProcess, warm: Path) -> None:
    shown = run_examples(ROOT / "docs" / "workflow.md", starter_mesh, warm)
    # How many photos a tag fits is the model's affair; that those are found, changed and exported is the workflow's.
    for told in (
        r"import  Succeeded  76 of 76",  # what is there
        r"import  Succeeded  0 of 76, 76 as they were",
        r"tag  Succeeded  76 of 76",
        r"index  Succeeded  80 of 80",
        r"algorithm    bus 0\.",  # a tag with its score
        r"1\. 1\.000  000000252639\.jpg",  # a photo by itself
        r"(?s)([1-9]\d* files) match.*tags HAS \"plate of food\"\n\1 match\n1\. the catalog counts",  # explained
        r"changed ([1-9]\d*) of \1 files",
        r"revert  Succeeded",
        r"export-to  Succeeded  ([1-9]\d*) of \1",
        r"000000252639\.jpg \('bus', 'street'\) \(320, 214\)",  # from the logical dataset, decoded
        r"\.jpg  \+table",  # in what the second version differs
        r"ExportWork Succeeded 76 of 76",
    ):
        assert re.search(told, shown), told


def run_examples(page: Path, mesh: MeshProcess, scripts: Path) -> str:
    """Run the examples of a page in order, with the `sensorium` in `scripts`, and return what they print."""
    blocks, shown = BLOCK.findall(page.read_text()), ""
    assert blocks
    if any(CURL.search(example) for _, example in blocks) and not shutil.which("curl"):
        pytest.skip(f"{page.name} calls curl, which is not installed")
    for language, example in blocks:
        script = example.replace("127.0.0.1:50051", mesh.grpc_address).replace("127.0.0.1:8080", mesh.http_address)
        ran = subprocess.run(
            [*INTERPRETERS[language], script],
            env=environment(mesh, scripts),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert ran.returncode == 0, f"{script}\n{ran.stdout}\n{ran.stderr}"
        shown += ran.stdout
    return shown


def test_help_names_every_make_target() -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {target for target in targets if target not in shown} == set()
