"""Jobs go on after kill -9 of the processes that work on them: nothing is lost, and nothing counts twice."""

import random
from pathlib import Path

import pytest
from killed_jobs import KilledJobs, Victim

FILES = 96
VICTIMS = (Victim.WORKER, Victim.SEARCH, Victim.WORKER)


@pytest.mark.timeout(300)
def test_every_file_is_done_once_whichever_process_dies_whenever(tmp_path: Path) -> None:
    jobs = KilledJobs(tmp_path, FILES)
    jobs.make_files()
    with jobs.running():
        assert jobs.kill_at_random(VICTIMS, random.Random(5)) == len(VICTIMS)
        jobs.finish(200)
    jobs.check()
