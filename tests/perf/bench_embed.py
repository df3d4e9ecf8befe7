"""Measures embedding through the public gRPC address against the best raw ONNX Runtime loop, in one run.

    python tests/perf/bench_embed.py [--rounds 3] [--texts 1500] [--json figures.json]

Rounds alternate between raw and mesh, so that what else the machine does falls on both; figures are medians of rounds.
CPU milliseconds per text stand beside the rates: they tell where the time goes, and are steadier on a shared machine.
The load generator runs in a process of its own on the same cores; its share is the mesh's handicap, not raw's.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import load
import raw_loop
from load import Answered, Load
from mesh import ROOT, Mesh, running_mesh
from texts import load_texts

REPOSITORY = ROOT / "model_repository"
FP32, INT8 = "all-minilm-l6-v2", "all-minilm-l6-v2-int8"
LATENCY_TEXTS = 300


@dataclass(frozen=True)
class Scenario:
    """A load to compare with raw, and the least ratio that it should reach."""

    name: str
    model: str
    batch: int
    callers: int
    goal: float | None = None


@dataclass(frozen=True)
class Round:
    """One measurement of a scenario: texts per second, and CPU milliseconds per text by process."""

    raw_rate: float
    mesh_rate: float
    raw_cpu_ms: float
    mesh_cpu_ms: float
    triton_cpu_ms: float
    generator_cpu_ms: float

    @property
    def ratio(self) -> float:
        """Return the mesh's rate as a share of raw's."""
        return self.mesh_rate / self.raw_rate


SCENARIOS = (
    Scenario("requests of 16 texts", FP32, batch=16, callers=16, goal=0.95),
    Scenario("64 callers, one text each", FP32, batch=1, callers=64, goal=0.90),
    Scenario("INT8, requests of 16 texts", INT8, batch=16, callers=16),
    Scenario("INT8, 64 callers, one text each", INT8, batch=1, callers=64, goal=0.75),
)


class Bench:
    """The processes that take part: the mesh, the load generator, and one raw loop for each model."""

    def __init__(self, mesh: Mesh, generator: Connection, raw: dict[str, Connection], count: int) -> None:
        self._mesh = mesh
        self._generator = generator
        self._raw = raw
        self._count = count

    def throughput(self, scenario: Scenario) -> Round:
        """Measure raw, then the mesh."""
        raw = self._raw[scenario.model]
        raw.send(("throughput", self._count))
        raw_rate, raw_cpu = raw.recv()
        mesh_before, triton_before = self._mesh.cpu_seconds()
        answered = self._put(Load(scenario.model, scenario.batch, scenario.callers, self._count))
        mesh_after, triton_after = self._mesh.cpu_seconds()
        texts = len(answered.seconds) * scenario.batch
        return Round(
            raw_rate=raw_rate,
            mesh_rate=answered.texts_per_second,
            raw_cpu_ms=raw_cpu * 1e3,
            mesh_cpu_ms=(mesh_after - mesh_before) / texts * 1e3,
            triton_cpu_ms=(triton_after - triton_before) / texts * 1e3,
            generator_cpu_ms=answered.cpu_seconds_per_text * 1e3,
        )

    def latency(self, model: str) -> tuple[float, float]:
        """Return the median milliseconds of one text at a time, raw and through the mesh."""
        raw = self._raw[model]
        raw.send(("latency", LATENCY_TEXTS))
        alone = raw.recv()
        answered = self._put(Load(model, batch=1, callers=1, count=LATENCY_TEXTS))
        return statistics.median(alone) * 1e3, statistics.median(answered.seconds) * 1e3

    def warm_up(self, scenario: Scenario) -> None:
        """Let the mesh see every kind of shape once."""
        self._put(Load(scenario.model, scenario.batch, scenario.callers, max(self._count // 4, 2 * scenario.batch)))

    def _put(self, wanted: Load) -> Answered:
        self._generator.send(wanted)
        answered: Answered = self._generator.recv()
        return answered


@contextmanager
def helper_process(target: object, *arguments: object) -> Iterator[Connection]:
    """Start a process that serves a pipe, and end it with the pipe."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(10)


def measure(rounds: int, count: int) -> dict[str, object]:
    """Run everything and return the figures."""
    texts = load_texts(count)
    tokenizer = REPOSITORY / FP32 / "tokenizer.json"
    with (
        tempfile.TemporaryDirectory() as folder,
        running_mesh(Path(folder), [FP32, INT8]) as mesh,
        helper_process(load.serve, mesh.address, texts) as generator,
        helper_process(raw_loop.serve, REPOSITORY / FP32 / "1" / "model.onnx", tokenizer, texts) as raw_fp32,
    ):
        generator.send(Load(FP32, batch=1, callers=1, count=2))
        generator.recv()
        figures: dict[str, object] = {"start_seconds": time.monotonic() - mesh.started}
        budgets = {FP32: raw_fp32.recv()}
        figures["idle_memory_mb"] = mesh.memory_bytes() / 1e6
        with helper_process(raw_loop.serve, REPOSITORY / INT8 / "1" / "model.onnx", tokenizer, texts) as raw_int8:
            budgets[INT8] = raw_int8.recv()
            bench = Bench(mesh, generator, {FP32: raw_fp32, INT8: raw_int8}, count)
            figures["raw_batch_tokens"] = budgets
            figures["throughput"] = [_scenario(bench, scenario, rounds) for scenario in SCENARIOS]
            figures["latency"] = [_latency(bench, model, rounds) for model in (FP32, INT8)]
        figures["loaded_memory_mb"] = mesh.memory_bytes() / 1e6
    return figures


def _scenario(bench: Bench, scenario: Scenario, rounds: int) -> dict[str, object]:
    bench.warm_up(scenario)
    measured = [bench.throughput(scenario) for _ in range(rounds)]
    medians = {key: statistics.median(asdict(each)[key] for each in measured) for key in asdict(measured[0])}
    ratios = sorted(each.ratio for each in measured)
    return {
        "name": scenario.name,
        "goal": scenario.goal,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        **medians,
    }


def _latency(bench: Bench, model: str, rounds: int) -> dict[str, object]:
    pairs = [bench.latency(model) for _ in range(rounds)]
    raw, mesh = (statistics.median(each) for each in zip(*pairs, strict=True))
    return {"model": model, "raw_p50_ms": raw, "mesh_p50_ms": mesh, "added_ms": mesh - raw}


def show(figures: dict[str, object]) -> None:
    """Print the figures as tables."""
    print(f"start to first answered call  {figures['start_seconds']:6.1f} s   (goal < 10)")
    print(f"idle memory without Triton    {figures['idle_memory_mb']:6.0f} MB  (goal < 300)")
    print(f"memory after the load         {figures['loaded_memory_mb']:6.0f} MB\n")
    print(f"{'texts/s':34}{'raw':>7}{'mesh':>7}{'ratio':>7}{'goal':>6}   CPU ms/text: raw | mesh + Triton + generator")
    for row in _rows(figures["throughput"]):
        goal = f"{row['goal']:.2f}" if row["goal"] else ""
        print(
            f"{row['name']:34}{row['raw_rate']:7.0f}{row['mesh_rate']:7.0f}{row['ratio']:7.3f}{goal:>6}"
            f"   {row['raw_cpu_ms']:17.2f} | {row['mesh_cpu_ms']:.2f} + {row['triton_cpu_ms']:.2f}"
            f" + {row['generator_cpu_ms']:.2f}"
        )
    print(f"\n{'one text at a time, p50':34}{'raw':>9}{'mesh':>9}{'added':>9}   (goal: 1.5 ms)")
    for row in _rows(figures["latency"]):
        print(f"{row['model']:34}{row['raw_p50_ms']:6.2f} ms{row['mesh_p50_ms']:6.2f} ms{row['added_ms']:6.2f} ms")


def _rows(figure: object) -> Sequence[dict[str, object]]:
    return figure if isinstance(figure, list) else []


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure (default: 3)")
    parser.add_argument("--texts", type=int, default=1500, help="texts of each measurement (default: 1500)")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    figures = measure(arguments.rounds, arguments.texts)
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
