"""Puts ten times the capacity on a mesh of separate roles, and shows what callers, memory and recovery make of it.

    python tests/perf/bench_overload.py [--seconds 60] [--json figures.json]

The model is a stand-in of fixed rate in a process of its own (tests/support/stand_in_triton.py): it sleeps, so neither
it nor the load generator is what saturates. The generator is a process of its own too.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import open_load
from open_load import Call, Ended
from role_processes import RoleProcesses, role_processes
from stand_in_process import stand_in_triton

from sensorium import Client, Document

TOKENS_PER_SECOND = 300
CAPACITY = TOKENS_PER_SECOND / open_load.TOKENS  # texts a second
TIMES = 10
BUDGET = 2.0  # seconds of an interactive call
PATIENCE = 10.0  # seconds of a bulk call
BATCH = 8
COLLECTION = "overload"
# One inference request takes a tenth of a second, as it would on a processor; a lane holds what takes eight seconds.
SETTINGS = {
    "SENSORIUM_EMBED__BATCH_TOKENS": "30",
    "SENSORIUM_EMBED__QUEUE_TOKENS": str(8 * TOKENS_PER_SECOND),
}


@dataclass(frozen=True)
class Load:
    """Calls and their rate: a multiple of what the model can take, in texts."""

    call: Call
    times: float

    @property
    def per_second(self) -> float:
        """Return how many calls come in a second."""
        return self.times * CAPACITY / self.call.items


@dataclass(frozen=True)
class Scenario:
    """Loads that are put on at once; the figures are those of the first."""

    name: str
    loads: Sequence[Load]


@dataclass(frozen=True)
class Figures:
    """What came of a scenario: codes of the first load and of the others, seconds, megabytes of all roles."""

    name: str
    codes: dict[str, int]
    other_codes: dict[str, int]
    goodput: float
    p50: float
    p99: float
    without_delay: int
    memory_before: float
    memory_after: float
    recovery: float


SCENARIOS = (
    Scenario("Embed, one text", [Load(open_load.embed_calls(1, BUDGET), TIMES)]),
    Scenario("Embed, batches of 8", [Load(open_load.embed_calls(BATCH, BUDGET), TIMES)]),
    Scenario("StreamEmbed, batches of 8", [Load(open_load.embed_streams(BATCH, PATIENCE), TIMES)]),
    Scenario("Search by a text", [Load(open_load.search_calls(COLLECTION, BUDGET), TIMES)]),
    Scenario("BatchSearch by 8 texts", [Load(open_load.batch_search_calls(COLLECTION, BATCH, BUDGET), TIMES)]),
    Scenario(
        "Embed at half capacity, bulk at ten times",
        [
            Load(open_load.embed_calls(1, BUDGET), 0.5),
            Load(open_load.embed_calls(BATCH, PATIENCE, bulk=True), TIMES / 2),
            Load(open_load.embed_streams(BATCH, PATIENCE), TIMES / 2),
        ],
    ),
)


def generate(address: str, loads: Sequence[Load], seconds: float) -> list[list[Ended]]:
    """Put on several loads at once, in this process."""

    async def run() -> list[list[Ended]]:
        return list(
            await asyncio.gather(*(open_load.put(address, each.call, each.per_second, seconds) for each in loads))
        )

    return asyncio.run(run())


def measure(roles: RoleProcesses, generator: ProcessPoolExecutor, scenario: Scenario, seconds: float) -> Figures:
    """Measure one scenario, after a tenth of it as a warm-up."""
    address = roles.running["gateway"].grpc_address
    generator.submit(generate, address, scenario.loads, seconds / 10).result()
    recovered(address)
    before = memory(roles)
    first, *others = generator.submit(generate, address, scenario.loads, seconds).result()
    recovery = recovered(address)
    other = [ended for load in others for ended in load]
    return Figures(
        scenario.name,
        dict(open_load.codes(first)),
        dict(open_load.codes(other)),
        sum(each.items for each in first) / (CAPACITY * seconds),
        open_load.percentile(first, 50),
        open_load.percentile(first, 99),
        len(open_load.without_delay([*first, *other])),
        before,
        memory(roles),
        recovery,
    )


def recovered(address: str) -> float:
    """Return the seconds until a call is answered within a quarter of a second."""
    started = time.monotonic()
    with Client(address, timeout=30, retries=0) as client:
        while True:
            asked = time.monotonic()
            try:
                client.embed("recovered")
            except Exception:
                continue
            if time.monotonic() - asked < 0.25:
                return time.monotonic() - started


def memory(roles: RoleProcesses) -> float:
    """Return the resident memory of all roles, in megabytes."""
    return sum(each.memory_bytes() for each in roles.running.values()) / 1e6


def run(seconds: float, chosen: str) -> list[Figures]:
    """Measure everything."""
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        stand_in_triton(TOKENS_PER_SECOND) as triton,
        role_processes(Path(folder), triton.address) as roles,
        ProcessPoolExecutor(1, mp_context=spawn) as generator,
    ):
        roles.start_all(**SETTINGS)
        with Client(roles.running["gateway"].grpc_address) as client:
            client.create_collection(COLLECTION, model="all-minilm-l6-v2")
            client.upsert(COLLECTION, [Document(str(number), text=f"a thing {number}") for number in range(20)])
        return [measure(roles, generator, each, seconds) for each in SCENARIOS if chosen in each.name]


def show(figures: Sequence[Figures]) -> None:
    """Print the figures as a table in Markdown."""
    print("| load | codes | codes of the bulk load | goodput / capacity | p50 | p99 | MB before, after | recovery |")
    print("|---|---|---|---|---|---|---|---|")
    for each in figures:
        codes, others = (_counted(counts) for counts in (each.codes, each.other_codes))
        latency = f"{each.p50:.2f} s | {each.p99:.2f} s"
        memory = f"{each.memory_before:.0f}, {each.memory_after:.0f}"
        figures_of_all = f"{latency} | {memory} | {each.recovery:.1f} s"
        print(f"| {each.name} | {codes} | {others} | {each.goodput:.2f} | {figures_of_all} |")
    print(f"\nrefusals without RetryInfo: {sum(each.without_delay for each in figures)}")


def _counted(codes: dict[str, int]) -> str:
    return ", ".join(f"{code} {count}" for code, count in sorted(codes.items()))


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="of each load (default: 60)")
    parser.add_argument("--only", default="", help="loads whose name holds this")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    figures = run(arguments.seconds, arguments.only)
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(each) for each in figures], indent=2) + "\n")


if __name__ == "__main__":
    main()
