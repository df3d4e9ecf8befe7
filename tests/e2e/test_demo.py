"""The demo as a user starts it: it indexes once, finds passages, photos and sounds, and leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
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
        timeout=280,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr


@pytest.mark.timeout(600)  # It starts two meshes.
def test_the_demo_indexes_once_and_finds_passages_photos_and_sounds(tmp_path: Path) -> None:
    *answers, addresses = demo(tmp_path)[0]
    questions = (ROOT / "samples" / "questions.jsonl").read_text().splitlines()
    expected = {question["text"]: question["passage_id"] for question in map(json.loads, questions)}
    found = {answer["question"]: answer["hits"][0]["document"]["id"] for answer in answers if "question" in answer}
    assert found == expected
    assert addresses["grpc"].startswith("127.0.0.1:")

    titles = {line["search"]: [hit["title"] for hit in line["hits"]] for line in answers if "search" in line}
    assert any("bus" in title for title in titles["“a red bus on a street”"][:2])
    assert titles["“a dog barking”"][0] == "dog bark"
    assert titles["the sound “rooster”"][0] == "rooster"
    tagged = {line["tagged"]: [tag["tag"] for tag in line["tags"]] for line in answers if "tagged" in line}
    assert {medium.partition("-")[0] for medium in tagged} == {"photo", "sound"}
    assert "bus" in tagged["photo-252639"]
    [page] = [line for line in answers if "page" in line]
    assert "research use only" in page["license"]
    assert page["license"] in Path(page["page"]).read_text()

    again, messages = demo(tmp_path)
    assert "240 passages are already there" in messages
    assert "156 photos and sounds are already there" in messages
    assert again[:-1] == answers
