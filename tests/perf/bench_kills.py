"""Kills the worker or the search role 50 times while jobs import, tag, index and export 10,000 files.

python tests/perf/bench_kills.py --files 10000 --kills 50
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from killed_jobs import KilledJobs, Victim


def main() -> None:
    """Print how many kills came amid work, and that every file is done once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    dice = random.Random(given.seed)
    victims = [dice.choice((Victim.WORKER, Victim.WORKER, Victim.SEARCH)) for _ in range(given.kills)]
    with tempfile.TemporaryDirectory() as folder:
        jobs = KilledJobs(Path(folder), given.files, batch=64)
        jobs.make_files()
        began = time.monotonic()
        with jobs.running():
            hit = jobs.kill_at_random(victims, dice)
            jobs.finish(3600)
        jobs.check()
        repeated = len(jobs.progress()) - len({*jobs.progress()})
        print(f"{hit} of {given.kills} kills came amid work: {dict(Counter(map(str, victims)))}")
        print(f"{given.files} files are in every result exactly once")
        print(f"{repeated} files or parts were looked at again; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
