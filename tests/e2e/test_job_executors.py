"""What DBOS goes on with after kill -9, and that a job waits for nothing that DBOS does not go on with."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest
from mesh_process import ROOT
from postgres_server import PostgresServer
from sqlalchemy import create_engine, text

SCRIPT = ROOT / "tests" / "support" / "job_executor.py"


@contextmanager
def executor(url: str, name: str, version: str, steps: int, job: str) -> Iterator[IO[str]]:
    """Give what an executor prints; it is killed in the end."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), url, name, version, str(steps), job],
        env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        with process.stdout as printed:
            yield printed
            process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()


def lines(printed: IO[str], count: int) -> list[str]:
    return sorted(printed.readline().strip() for _ in range(count))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_executors_job_is_gone_on_with_by_it_by_others_and_by_new_code(postgres: PostgresServer) -> None:
    url = postgres.database()
    with executor(url, "one", "1", 0, "job") as printed:
        assert lines(printed, 1) == ["step job"]
    # Another executor does not wait for the one that died.
    with executor(url, "two", "1", 3, "job") as printed:
        assert lines(printed, 3) == ["step job"] * 3
    # Nor does the same executor with other code, for which DBOS strands what the old code began.
    with executor(url, "one", "2", 3, "job") as printed:
        assert lines(printed, 3) == ["step job"] * 3
    # With the same name and code DBOS goes on by itself, whatever else is begun.
    with executor(url, "one", "1", 1, "other") as printed:
        assert lines(printed, 2) == ["step job", "step other"]
    engine = create_engine(url)
    with engine.connect() as sql:
        known = sql.execute(text("SELECT workflow_uuid, executor_id, application_version FROM dbos.workflow_status"))
        assert sorted(tuple(row) for row in known) == [
            ("job-1-one-1", "one", "1"),
            ("job-1-one-2", "one", "2"),
            ("job-1-two-1", "two", "1"),
            ("other-1-one-1", "one", "1"),
        ]
        steps = "SELECT count(*) FROM dbos.operation_outputs WHERE workflow_uuid = 'job-1-two-1'"
        assert sql.execute(text(steps)).scalar_one() >= 2  # Each step is kept by itself.
    engine.dispose()
