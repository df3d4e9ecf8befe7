"""Jobs go on after kill -9 of the process that works on them: nothing is lost, and nothing counts twice."""

import random
from pathlib import Path

import pytest
from killed_jobs import KilledJobs

FILES = 96
KILLS = 4


@pytest.mark.timeout(300)
def test_every_file_is_done_once_whenever_the_process_dies(tmp_path: Path) -> None:
    jobs = KilledJobs(tmp_path, FILES)
    jobs.make_files()
    assert jobs.kill_at_random(KILLS, random.Random(5)) == KILLS
    jobs.finish(200)
    jobs.check()
