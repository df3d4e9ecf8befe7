"""What the durable runner of jobs leaves behind when it is closed."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio
from pathlib import Path
from sensorium.dataset.jobs.runner import DurableRunner, Executor

async def run(folder):
    stepped = asyncio.Event()

    async def advance(job, number):
        stepped.set()
        return False

    async with DurableRunner(Executor(f"sqlite:///{folder}/jobs.sqlite3", "test"), advance) as runner:
        await runner.start("job-1", 1)
        await stepped.wait()
    print(await asyncio.to_thread(str, "threads"))

asyncio.run(run(FOLDER))
"""


def test_what_is_closed_after_it_still_has_threads(tmp_path: Path) -> None:
    # A process of its own: DBOS is of a process, not of a test.
    program = PROGRAM.replace("FOLDER", repr(str(tmp_path)))
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert ran.stdout.splitlines()[-1:] == ["threads"], ran.stderr
