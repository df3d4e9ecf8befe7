"""Jobs whose processes are killed again and again, and what must be true when they have ended."""

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mesh_process import ROOT, MeshProcess

from sensorium.dataset.embedded import ONLY_WORKER
from sensorium.dataset.jobs.workflows import VERSION

CHUNK = 1 << 20
WORKER = ROOT / "tests" / "support" / "dataset_worker.py"


class Victim(StrEnum):
    """Which process is killed."""

    WORKER = "worker"
    SEARCH = "search"


@dataclass
class KilledJobs:
    """Imports, tags, indexes and exports files in processes that are killed now and then.

    One process works on the jobs with models that cost nothing; another is a search role as it is deployed.

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
    search: MeshProcess = field(init=False)
    worker: "subprocess.Popen[bytes]" = field(init=False)

    def make_files(self) -> None:
        data = self.folder / "data"
        data.mkdir()
        for place in range(self.files):
            (data / f"{place}.txt").write_text(f"a{'b' * (place % 7)} {place}")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let both processes run for the body, whichever of them are killed in it."""
        self.search = self._start_search("0").wait_serving()
        self.worker = self._start_worker()
        try:
            yield
        finally:
            self.worker.kill()
            self.worker.wait()
            self.search.stop(signal.SIGKILL)

    def _start_search(self, port: str) -> MeshProcess:
        (self.folder / "search").mkdir(exist_ok=True)
        return MeshProcess.start(self.folder / "search", "--role", "search", SENSORIUM_GRPC__PORT=port)

    def _start_worker(self) -> "subprocess.Popen[bytes]":
        path = os.pathsep.join([str(ROOT / "services"), str(WORKER.parent), os.environ.get("PYTHONPATH", "")])
        arguments = [str(self.folder), str(self.batch), str(self.seconds), self.search.grpc_address]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(WORKER), *arguments],
                env={**os.environ, "PYTHONPATH": path},
                stdout=log,
                stderr=log,
            )

    def progress(self) -> list[str]:
        log = self.folder / "progress"
        return log.read_text().splitlines() if log.exists() else []

    def wait(self, lines: int) -> None:
        """Wait until there are so many lines of progress, or the worker has ended."""
        log = self.folder / "progress"
        log.touch()
        with log.open("rb") as stream:
            seen = 0
            while seen < lines and self.worker.poll() is None:
                fresh = stream.read(CHUNK)
                seen += fresh.count(b"\n")
                if not fresh:
                    time.sleep(0.005)

    def kill(self, victim: Victim) -> bool:
        """Kill a process, start it again, and return whether there was work to do."""
        at_work = self.worker.poll() is None
        match victim:
            case Victim.WORKER:
                self.worker.kill()
                self.worker.wait()
                self.worker = self._start_worker()
            case Victim.SEARCH:
                port = self.search.grpc_address.rpartition(":")[2]
                self.search.stop(signal.SIGKILL)
                address = self.search.grpc_address
                self.search = self._start_search(port)
                self.search.grpc_address = address
        return at_work

    def kill_at_random(self, victims: Sequence[Victim], dice: random.Random) -> int:
        """Kill processes at moments that are spread over all jobs; return how many had work to do.

        One moment in ten is soon after a start, while files are imported, which tells no progress.
        """
        steps = 2 * self.files + self.files // self.batch
        moments = sorted(dice.randrange(1, steps) if dice.random() > 0.1 else 0 for _ in victims)
        hit = 0
        for moment, victim in zip(moments, victims, strict=True):
            self.wait(max(moment, len(self.progress()) + 1))
            if not moment:
                time.sleep(dice.random() / 2)
            hit += self.kill(victim)
        return hit

    def finish(self, seconds: float) -> None:
        assert self.worker.wait(seconds) == 0, (self.folder / "log").read_text()[-4000:]

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
        with sqlite3.connect(self.folder / "search" / "data" / "search.sqlite3") as store:
            documents = [row[0] for row in store.execute("SELECT id FROM documents")]
            assert sorted(documents) == sorted(ids)
        with sqlite3.connect(self.folder / "state" / "jobs.sqlite3") as workflows:
            pinned = workflows.execute("SELECT DISTINCT executor_id, application_version FROM workflow_status")
            assert pinned.fetchall() == [(ONLY_WORKER, VERSION)]
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
