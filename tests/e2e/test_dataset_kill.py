"""Jobs go on after kill -9 of the process that works on them: nothing is lost, and nothing counts twice."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mesh_process import ROOT

FILES = 96
KILLS = 3
WORKER = ROOT / "tests" / "support" / "dataset_worker.py"


def start(folder: Path) -> subprocess.Popen[bytes]:
    search = os.pathsep.join([str(ROOT / "services"), str(WORKER.parent)])
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, str(WORKER), str(folder)],
            env={**os.environ, "PYTHONPATH": search},
            stdout=log,
            stderr=log,
        )


def tagged(folder: Path) -> list[str]:
    log = folder / "tagged"
    return log.read_text().splitlines() if log.exists() else []


def kill_after_more(folder: Path, worker: subprocess.Popen[bytes], more: int) -> None:
    """Kill the worker when it has looked at some more files, or when it has ended."""
    before = len(tagged(folder))
    while len(tagged(folder)) < before + more and worker.poll() is None:
        time.sleep(0.005)
    worker.send_signal(signal.SIGKILL)
    worker.wait()


@pytest.mark.timeout(240)
def test_every_file_is_done_once_whenever_the_process_dies(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for place in range(FILES):
        (data / f"{place}.txt").write_text(f"a{'b' * (place % 7)} {place}")
    dice = random.Random(5)
    for _ in range(KILLS):
        kill_after_more(tmp_path, start(tmp_path), dice.randrange(1, 25))
    last = start(tmp_path)
    assert last.wait(120) == 0, (tmp_path / "log").read_text()
    with sqlite3.connect(tmp_path / "state" / "dataset.sqlite3") as catalog:
        jobs = catalog.execute("SELECT state, total, succeeded, failed, skipped FROM jobs ORDER BY key").fetchall()
        assert jobs == [("Succeeded", FILES, FILES, 0, 0)] * 2
        assert catalog.execute("SELECT count(*), count(DISTINCT uri) FROM files").fetchall() == [(FILES, FILES)]
        assert catalog.execute("SELECT count(*), count(DISTINCT file) FROM taggings").fetchall() == [(FILES, FILES)]
        assert catalog.execute("SELECT file_count FROM versions").fetchall() == [(FILES,)]
    assert {*tagged(tmp_path)} == {file.read_text() for file in data.iterdir()}
