"""Jobs whose process is killed again and again, and what must be true when they have ended."""

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from mesh_process import ROOT

from sensorium.dataset.jobs.workflows import EXECUTOR, VERSION

WORKER = ROOT / "tests" / "support" / "dataset_worker.py"


@dataclass(frozen=True)
class KilledJobs:
    """Imports, tags, indexes and exports files in a process that is killed now and then.

    Attributes:
        folder: Empty; holds the files, the state and the export.
        files: How many files there are.
        batch: How many of them are done at a time.
        seconds: How long a batch takes at least.
    """

    folder: Path
    files: int
    batch: int = 8
    seconds: float = 0.02

    def make_files(self) -> None:
        data = self.folder / "data"
        data.mkdir()
        for place in range(self.files):
            (data / f"{place}.txt").write_text(f"a{'b' * (place % 7)} {place}")

    def start(self) -> subprocess.Popen[bytes]:
        search = os.pathsep.join([str(ROOT / "services"), str(WORKER.parent), os.environ.get("PYTHONPATH", "")])
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(WORKER), str(self.folder), str(self.batch), str(self.seconds)],
                env={**os.environ, "PYTHONPATH": search},
                stdout=log,
                stderr=log,
            )

    def progress(self) -> list[str]:
        log = self.folder / "progress"
        return log.read_text().splitlines() if log.exists() else []

    def kill_after(self, worker: subprocess.Popen[bytes], lines: int) -> bool:
        """Kill the worker when there are so many lines of progress; return whether it was still there."""
        while len(self.progress()) < lines and worker.poll() is None:
            time.sleep(0.005)
        alive = worker.poll() is None
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        return alive

    def kill_at_random(self, kills: int, dice: random.Random) -> int:
        """Kill workers at moments that are spread over all jobs; return how many were at work."""
        steps = 2 * self.files + self.files // self.batch
        moments = sorted(dice.randrange(1, steps) for _ in range(kills))
        return sum(self.kill_after(self.start(), max(moment, len(self.progress()) + 1)) for moment in moments)

    def finish(self, seconds: float) -> None:
        worker = self.start()
        try:
            assert worker.wait(seconds) == 0, (self.folder / "log").read_text()[-4000:]
        finally:
            worker.kill()

    def check(self) -> None:
        """Assert that every file is done once in every result, and that nothing else is there."""
        texts = {file.read_text() for file in (self.folder / "data").iterdir()}
        seen = self.progress()
        for kind in ("tag", "embed"):
            assert {line.removeprefix(f"{kind} ") for line in seen if line.startswith(f"{kind} ")} >= texts
        with sqlite3.connect(self.folder / "state" / "dataset.sqlite3") as catalog:
            jobs = catalog.execute("SELECT state, total, succeeded, failed, skipped FROM jobs ORDER BY key").fetchall()
            assert jobs == [("Succeeded", self.files, self.files, 0, 0)] * 4
            for table, column in (("files", "uri"), ("taggings", "file")):
                counted = catalog.execute(f"SELECT count(*), count(DISTINCT {column}) FROM {table}").fetchone()
                assert counted == (self.files, self.files)
            assert catalog.execute("SELECT file_count FROM versions").fetchall() == [(self.files,)]
            ids = {row[0] for row in catalog.execute("SELECT id FROM files")}
        with sqlite3.connect(self.folder / "state" / "search.sqlite3") as store:
            documents = [row[0] for row in store.execute("SELECT id FROM documents")]
            assert sorted(documents) == sorted(ids)
        with sqlite3.connect(self.folder / "state" / "jobs.sqlite3") as workflows:
            pinned = workflows.execute("SELECT DISTINCT executor_id, application_version FROM workflow_status")
            assert pinned.fetchall() == [(EXECUTOR, VERSION)]
        assert sorted(self.exported()) == sorted(ids)

    def exported(self) -> list[str]:
        """Return the ids of all records of the export, whose checksums are right."""
        out = self.folder / "out"
        manifest = json.loads((out / "manifest.json").read_text())
        parts = {part["path"]: (out / part["path"]).read_bytes() for part in manifest["parts"]}
        assert {path: hashlib.sha256(part).hexdigest() for path, part in parts.items()} == {
            part["path"]: part["sha256"] for part in manifest["parts"]
        }
        assert {str(file.relative_to(out)) for file in (out / "data").iterdir()} == {*parts}
        return [json.loads(line)["id"] for part in parts.values() for line in part.splitlines()]
