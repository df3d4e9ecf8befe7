"""Measures a large version at a real dataset role: its first answers, loading it for training, and copying it.

    python tests/perf/bench_versions.py [--files 1000000] [--data FOLDER] [--parts answers,loading,copying]

The catalog is that of `bench_datasets.py`, whose `--data` it takes; a copy of it is used. The role is a process of its
own, and is killed between the first answers. CPU and memory are the role's, and for loading the client's too.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from bench_datasets import NAME, fill
from bench_import import dataset_role
from mesh import Mesh
from role_processes import RoleProcesses, wait_serving

from sensorium import Client, load_dataset
from sensorium.dataset.embedded import MIGRATIONS, STORE_FILE
from sensorium.storage.sqlite_file import SqliteFile
from sensorium.storage.store import Store

DATASET = NAME.dataset.id
CALL_SECONDS = 3600.0
READ = 20
BATCH = 256
Figures = dict[str, float]


async def prepared(folder: Path, count: int) -> None:
    """Fill a catalog in a folder."""
    database = SqliteFile(folder / STORE_FILE)
    async with Store("dataset", database, MIGRATIONS, threads=4, queue_reads=64, queue_rows=1_000_000) as store:
        await fill(store, count)


def measured(roles: RoleProcesses, work: Callable[[], object]) -> Figures:
    """Return what `work` takes: seconds, the role's CPU in seconds, and the role's memory before and at its peak."""
    role = roles.running["dataset"]
    watched = Mesh(role.process.pid, role.grpc_address, 0.0)
    memory, cpu, started = watched.memory_bytes(), watched.cpu_seconds()[0], time.monotonic()
    work()
    return {
        "seconds": round(time.monotonic() - started, 2),
        "role_cpu_seconds": round(watched.cpu_seconds()[0] - cpu, 2),
        "role_mb_before": memory // 1_000_000,
        "role_mb_peak": watched.peak_memory_bytes() // 1_000_000,
    }


def answer(roles: RoleProcesses) -> None:
    """Count the files with a tag, by folder."""
    with Client(roles.running["dataset"].grpc_address, timeout=CALL_SECONDS) as client:
        client.datasets.statistics(DATASET, 1, filter='tags HAS "hundredth"')


def answers(roles: RoleProcesses) -> dict[str, Figures]:
    """Measure the first answer, the next, and the first after the role was killed."""
    found = {"first answer": measured(roles, lambda: answer(roles)), "second": measured(roles, lambda: answer(roles))}
    role = roles.running["dataset"]
    found["kept"] = {"mb": role.wait_for("bitmaps_kept")["megabytes"]}
    role.stop(signal.SIGKILL)
    wait_serving([roles.start_again("dataset")])
    found["first answer after kill -9"] = measured(roles, lambda: answer(roles))
    return found


def load(address: str) -> Figures:
    """Load the version in this process, and read some batches of records."""
    before, started, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic(), time.process_time()
    with load_dataset(DATASET, 1, address=address, with_bytes=False, timeout=CALL_SECONDS) as loaded:
        listed = time.monotonic()
        step = max(len(loaded) // (READ * BATCH), 1)
        for first in range(READ):
            loaded.__getitems__([(first * BATCH + at) * step % len(loaded) for at in range(BATCH)])
        read = time.monotonic()
    return {
        "files": len(loaded),
        "seconds": round(listed - started, 2),
        "client_cpu_seconds": round(time.process_time() - cpu, 2),
        "client_mb_more": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1000,
        "records_a_second": round(READ * BATCH / (read - listed)),
    }


def loading(roles: RoleProcesses) -> dict[str, Figures]:
    """Measure `load_dataset` in a fresh process."""
    found: list[Figures] = []

    def work() -> None:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
            found.append(fresh.submit(load, roles.running["dataset"].grpc_address).result())

    return {"loading": measured(roles, work) | found[0]}


def copying(roles: RoleProcesses) -> dict[str, Figures]:
    """Measure the answer to a call for a copy of the version, and the rest of the copy, with a kill -9 early in it."""
    role = roles.running["dataset"]

    def answered() -> None:
        with Client(role.grpc_address) as client:
            client.datasets.create_version(DATASET, source=1, wait=False)

    def copied() -> None:
        with Client(roles.running["dataset"].grpc_address) as client:
            for _ in client.datasets.watch_copy(DATASET, 2):
                pass

    found = {"answer to a copy": measured(roles, answered)}
    role.stop(signal.SIGKILL)
    wait_serving([roles.start_again("dataset")])
    return {**found, "the rest after kill -9": measured(roles, copied)}


PARTS: dict[str, Callable[[RoleProcesses], dict[str, Figures]]] = {
    "answers": answers,
    "loading": loading,
    "copying": copying,
}


def main() -> None:
    """Print what large versions cost, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, help="a folder in which bench_datasets.py has left its catalog")
    parser.add_argument("--parts", default=",".join(PARTS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        catalog = Path(temporary) / "dataset" / "data"
        catalog.mkdir(parents=True)
        if given.data:
            shutil.copy(given.data / STORE_FILE, catalog)
        else:
            asyncio.run(prepared(catalog, given.files))
        with dataset_role(Path(temporary), Path(temporary)) as roles:
            for part in given.parts.split(","):
                print(json.dumps(PARTS[part](roles), indent=1), flush=True)


if __name__ == "__main__":
    main()
