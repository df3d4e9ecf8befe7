"""Measures imports of small files by a real dataset role: the first, one of nothing new, and one of a few changes.

    python tests/perf/bench_import.py [--files 100000] [--json figures.json]

The role is a process of its own; its neighbours have nothing to do, and stand over a stand-in for Triton. Of 1,000
files 400 are texts, 200 JPEGs and 200 PNGs of 32 x 32, and 200 WAVs of a tenth of a second. Then nothing is changed,
and then 1 % each is changed, new and gone. CPU is that of the role, which is steadier than rates on a machine that
others use.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from mesh import Mesh
from role_processes import RoleProcesses, role_processes, wait_serving
from small_files import SmallFiles
from stand_in_process import stand_in_triton

from sensorium import Client
from sensorium.model.dataset_job import ImportWork, Job

SHARES = (0.25, 0.5, 1.0)
CHANGED_SHARE = 0.01
DATASET = "small"


@dataclass(frozen=True)
class Figures:
    """What came of one import: counts, files a second, the role's CPU, and its memory at shares of the way."""

    name: str
    succeeded: int
    skipped: int
    seconds: float
    per_second: float
    cpu_ms_a_file: float
    memory_mb: dict[str, float]


class Bench:
    """Imports one folder again and again.

    Args:
        roles: Where the dataset role runs.
        total: How many files the folder has.
    """

    def __init__(self, roles: RoleProcesses, total: int) -> None:
        dataset = roles.running["dataset"]
        self._address = dataset.grpc_address
        self._role = Mesh(dataset.process.pid, dataset.grpc_address, 0.0)
        self._total = total

    def create(self, folder: Path) -> None:
        """Make the dataset of a folder."""
        with Client(self._address) as client:
            client.datasets.create(DATASET, uri=folder.as_uri())

    def measure(self, name: str) -> Figures:
        """Import once."""
        memory: dict[str, float] = {}
        cpu = self._role.cpu_seconds()[0]
        with Client(self._address) as client:
            started = client.datasets.start(DATASET, ImportWork())
            for job in client.datasets.watch(str(started.name)):  # The last one is how it ended.
                self._note_memory(job, memory)
        if job.failed_count or job.error or job.start_time is None or job.end_time is None:
            raise RuntimeError(f"the import ended as {job}")
        cpu = self._role.cpu_seconds()[0] - cpu
        seconds = (job.end_time - job.start_time).total_seconds()
        return Figures(
            name, job.succeeded_count, job.skipped_count, seconds, job.total_count / seconds,
            1000 * cpu / job.total_count, memory,
        )  # fmt: skip

    def _note_memory(self, job: Job, memory: dict[str, float]) -> None:
        done = (job.succeeded_count + job.skipped_count) / self._total
        for share in SHARES:
            if done >= share and f"{share:.0%}" not in memory:
                memory[f"{share:.0%}"] = self._role.memory_bytes() / 1e6
        if job.state.has_ended:
            memory["peak"] = self._role.peak_memory_bytes() / 1e6


@contextmanager
def dataset_role(folder: Path, root: Path) -> Iterator[RoleProcesses]:
    """Run a dataset role over `root`, and the roles that it calls."""
    with stand_in_triton(1000) as triton, role_processes(folder, triton.address) as roles:
        wait_serving([roles.start("search", "search"), roles.start("embed", "embed")])
        wait_serving([roles.start("tag", "tag", **roles.targets("embed"))])
        targets = roles.targets("embed", "search", "tag")
        wait_serving([roles.start("dataset", "dataset", SENSORIUM_DATASET__ROOTS=json.dumps([str(root)]), **targets)])
        yield roles


def run(folder: Path, count: int) -> list[Figures]:
    """Measure all imports below an empty folder."""
    data = folder / "files"
    files = SmallFiles(data)
    files.write(range(count))
    few = max(round(count * CHANGED_SHARE), 1)
    with dataset_role(folder, folder) as roles:
        bench = Bench(roles, count)
        bench.create(data)
        # DBOS, whose import takes seconds, comes with the first job of a process.
        figures = [shown(bench.measure("all new")), shown(bench.measure("nothing new"))]
        files.touch(range(few))
        files.remove(range(few, 2 * few))
        files.write(range(count, count + few))
        figures.append(shown(bench.measure("1 % changed, new, gone")))
    print(f"an import of nothing new is {figures[1].per_second / figures[0].per_second:.1f} times as fast (goal 10)")
    return figures


def shown(figures: Figures) -> Figures:
    """Print the figures of one import."""
    memory = ", ".join(f"{where} {size:.0f}" for where, size in figures.memory_mb.items())
    print(
        f"{figures.name}: {figures.succeeded} taken, {figures.skipped} passed over in {figures.seconds:.2f} s, "
        f"{figures.per_second:,.0f} files/s (goal 2,000); CPU {figures.cpu_ms_a_file:.3f} ms a file; MB: {memory}",
        flush=True,
    )
    return figures


def main() -> None:
    """Print what imports cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder), given.files)
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in figures], indent=1) + "\n")


if __name__ == "__main__":
    main()
