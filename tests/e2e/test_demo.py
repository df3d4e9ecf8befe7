"""The demo as a user starts it: it indexes once, finds the answers, and leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mesh_process import ROOT


def demo(folder: Path) -> tuple[list[Any], str]:
    """Run `sensorium demo --exit` and return its JSON lines and its messages."""
    settings = {"SENSORIUM_GRPC__PORT": "0", "SENSORIUM_HTTP__PORT": "0"}
    ran = subprocess.run(
        [sys.executable, "-m", "sensorium", "demo", "--exit", "--json", "--data-dir", folder / "data"],
        env={**os.environ, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr


def test_the_demo_indexes_once_and_finds_the_passages_that_answer(tmp_path: Path) -> None:
    *answers, addresses = demo(tmp_path)[0]
    questions = (ROOT / "samples" / "questions.jsonl").read_text().splitlines()
    expected = {question["text"]: question["passage_id"] for question in map(json.loads, questions)}
    found = {answer["question"]: answer["hits"][0]["document"]["id"] for answer in answers}
    assert found == expected
    assert addresses["grpc"].startswith("127.0.0.1:")

    again, messages = demo(tmp_path)
    assert "240 passages are already there" in messages
    assert again[:-1] == answers
