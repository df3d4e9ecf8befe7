"""Measures what a restart of the search role costs its callers: `python tests/perf/bench_restart.py --documents 20000`.

The role is the one writer of its data, so there is no second one to go on meanwhile. It is stopped by SIGTERM, and by
SIGKILL, and started again at once at the same address, while one search after another is made.
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from role_processes import RoleProcesses, role_processes

from sensorium import Client, Document
from sensorium.errors import SensoriumError

COLLECTION = "restart"
DIMENSION = 384
BATCH = 1000
_BETWEEN_FAILURES = 0.05


def fill(client: Client, count: int) -> np.ndarray:
    """Write `count` documents; return the first one's vector."""
    rows = np.random.default_rng(7).standard_normal((count, DIMENSION)).astype(np.float32)
    client.create_collection(COLLECTION, dimension=DIMENSION)
    for start in range(0, count, BATCH):
        batch = rows[start : start + BATCH]
        client.upsert(COLLECTION, [Document(str(start + place), vector=row) for place, row in enumerate(batch)])
    return np.asarray(rows[0])


def outage(roles: RoleProcesses, query: np.ndarray, number: signal.Signals) -> tuple[float, float, int]:
    """Restart; return the seconds until it serves, those without an answer, and how many searches failed."""
    address, stopped = roles.running["search"].grpc_address, time.monotonic()
    serving: list[float] = []

    def restart() -> None:
        roles.running["search"].stop(number, 300)
        roles.start_again("search").wait_serving()
        serving.append(time.monotonic() - stopped)

    thread = threading.Thread(target=restart)
    failed, last, longest = 0, stopped, 0.0
    with Client(address, timeout=0.5, retries=0) as client:
        client.search(COLLECTION, query)
        thread.start()
        while thread.is_alive() or last < stopped + serving[0]:
            try:
                client.search(COLLECTION, query)
            except SensoriumError:
                failed += 1
                time.sleep(_BETWEEN_FAILURES)  # or the refusals themselves would hold the role up
                continue
            now = time.monotonic()
            longest, last = max(longest, now - last), now
    thread.join()
    return serving[0], longest, failed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, role_processes(Path(folder), "") as roles:
        address = roles.start("search", "search").wait_serving().grpc_address
        with Client(address, timeout=60) as client:
            query = fill(client, arguments.documents)
        for number in (signal.SIGTERM, signal.SIGKILL):
            serving, longest, failed = outage(roles, query, number)
            print(
                f"{number.name}: serving after {serving:.1f} s, no answer for {longest:.1f} s, {failed} searches failed"
            )


if __name__ == "__main__":
    main()
