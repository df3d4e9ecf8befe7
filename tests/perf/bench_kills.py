"""Kills the process of jobs 50 times at random while 10,000 files are imported, tagged, indexed and exported.

python tests/perf/bench_kills.py --files 10000 --kills 50
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from killed_jobs import KilledJobs


def main() -> None:
    """Print how many workers were killed at work, and that every file is done once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        jobs = KilledJobs(Path(folder), given.files, batch=64, seconds=0.05)
        jobs.make_files()
        began = time.monotonic()
        killed = jobs.kill_at_random(given.kills, random.Random(given.seed))
        jobs.finish(3600)
        jobs.check()
        repeated = len(jobs.progress()) - len({*jobs.progress()})
        print(f"{killed} of {given.kills} kills hit a worker; {given.files} files are in every result exactly once")
        print(f"{repeated} files or parts were looked at again; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
