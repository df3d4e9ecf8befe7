"""Measures `/v1/embeddings` beside gRPC, and what idle connections and slow callers do to others.

    python tests/perf/bench_http.py [--rounds 3] [--texts 1500] [--idle 10000] [--slow 200] [--json figures.json]
        [--parts throughput crowds]

Rounds alternate between gRPC and HTTP, so that what else the machine does falls on both; figures are medians of rounds.
Both have the same texts and callers, from a process of their own on the same cores. The answers are vectors in base64,
as OpenAI's SDK asks for them, and lists of numbers. Both generators send prepared bytes and parse no vectors.
"""

import argparse
import json
import resource
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import crowd
import http_load
import load
from bench_embed import helper_process
from http_load import Target
from load import Answered, Load
from mesh import Mesh, running_mesh
from texts import load_texts

MODEL = "all-minilm-l6-v2"
GOAL = 0.85
LOADS = (Load(MODEL, 1, 64, 0), Load(MODEL, 16, 16, 0), Load(MODEL, 256, 2, 0))
FAST = Load(MODEL, 1, 4, 0)
FORMS = ("base64", "float")


@dataclass(frozen=True)
class Sides:
    """The generators, and what they are told."""

    mesh: Mesh
    texts: Sequence[str]
    grpc: Connection
    http: Connection

    def put_grpc(self, wanted: Load) -> tuple[Answered, float]:
        """Return what came of a load, and the mesh's CPU milliseconds per text."""
        return self._put(self.grpc, wanted, wanted)

    def put_http(self, wanted: Load, form: str) -> tuple[Answered, float]:
        """Return the same over HTTP, with vectors in a form."""
        return self._put(self.http, (target(self.mesh, form), self.texts, wanted), wanted)

    def _put(self, pipe: Connection, message: object, wanted: Load) -> tuple[Answered, float]:
        before = self.mesh.cpu_seconds()[0]
        pipe.send(message)
        answered: Answered = pipe.recv()
        cpu = self.mesh.cpu_seconds()[0] - before
        return answered, 1e3 * cpu / (len(answered.seconds) * wanted.batch)


def target(mesh: Mesh, form: str) -> Target:
    """Return the path of OpenAI's clients, for vectors in a form."""
    return Target(mesh.http_address, "/v1/embeddings", {"model": MODEL, "encoding_format": form})


def sized(wanted: Load, count: int) -> Load:
    """Return a load of `count` texts, or of one request more than callers if that is more."""
    return Load(wanted.model, wanted.batch, wanted.callers, max(count, wanted.batch * (wanted.callers + 1)))


def throughput(sides: Sides, rounds: int, count: int) -> Iterator[dict[str, object]]:
    """Yield a row for each load and form of vectors."""
    for each in LOADS:
        wanted = sized(each, count)
        sides.put_grpc(sized(each, 0))
        measured = [
            (sides.put_grpc(wanted), {form: sides.put_http(wanted, form) for form in FORMS}) for _ in range(rounds)
        ]
        for form in FORMS:
            ratios = sorted(http[form][0].texts_per_second / grpc[0].texts_per_second for grpc, http in measured)
            yield {
                "texts": each.batch,
                "callers": each.callers,
                "form": form,
                "ratio": statistics.median(ratios),
                "ratios": ratios,
                "grpc_rate": statistics.median(grpc[0].texts_per_second for grpc, _ in measured),
                "http_rate": statistics.median(http[form][0].texts_per_second for _, http in measured),
                "grpc_cpu_ms": statistics.median(grpc[1] for grpc, _ in measured),
                "http_cpu_ms": statistics.median(http[form][1] for _, http in measured),
            }


def p99(sides: Sides, count: int) -> float:
    """Return the 99th percentile of fast callers, in milliseconds."""
    answered, _ = sides.put_http(sized(FAST, count), "base64")
    return 1e3 * statistics.quantiles(answered.seconds, n=100)[98]


@contextmanager
def held(pipe: Connection, kind: str, count: int) -> Iterator[None]:
    """Hold a crowd for the body."""
    pipe.send((kind, count))
    pipe.recv()
    yield
    pipe.send("enough")
    pipe.recv()


def crowds(sides: Sides, rounds: int, count: int, sizes: dict[str, int]) -> Iterator[dict[str, object]]:
    """Yield the p99 of fast callers, calm and beside each crowd."""
    for kind, size in sizes.items():
        with helper_process(crowd.serve, target(sides.mesh, "base64")) as pipe:
            calm, crowded = [], []
            for _ in range(rounds):
                calm.append(p99(sides, count))
                with held(pipe, kind, size):
                    crowded.append(p99(sides, count))
        ratios = sorted(busy / quiet for busy, quiet in zip(crowded, calm, strict=True))
        yield {
            "crowd": f"{size:,} {kind}",
            "calm_p99_ms": statistics.median(calm),
            "p99_ms": statistics.median(crowded),
            "ratio": statistics.median(ratios),
            "ratios": ratios,
            "memory_mb": sides.mesh.memory_bytes() / 1e6,
        }


def measure(arguments: argparse.Namespace) -> dict[str, list[dict[str, object]]]:
    """Run everything and return the figures."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    texts = load_texts(max(arguments.texts, *(wanted.batch for wanted in LOADS)))
    with (
        tempfile.TemporaryDirectory() as folder,
        running_mesh(Path(folder), [MODEL]) as mesh,
        helper_process(load.serve, mesh.address, texts) as grpc,
        helper_process(http_load.serve) as http,
    ):
        sides = Sides(mesh, texts, grpc, http)
        sides.put_http(sized(FAST, 100), "base64")
        sizes = {"idle": arguments.idle, "slow": arguments.slow}
        parts: dict[str, Callable[[], Iterator[dict[str, object]]]] = {
            "throughput": lambda: throughput(sides, arguments.rounds, arguments.texts),
            "crowds": lambda: crowds(sides, arguments.rounds, arguments.texts, sizes),
        }
        return {part: list(parts[part]()) for part in arguments.parts}


def show(figures: dict[str, list[dict[str, object]]], say: Callable[[str], None] = print) -> None:
    """Print the figures as tables."""
    if "throughput" in figures:
        show_throughput(figures["throughput"], say)
    if "crowds" in figures:
        show_crowds(figures["crowds"], say)


def show_throughput(rows: list[dict[str, object]], say: Callable[[str], None]) -> None:
    """Print the throughput beside gRPC's."""
    say(f"{'texts':>5} {'callers':>7}  {'vectors':8}{'gRPC':>8}{'HTTP':>8}{'ratio':>8}  of {GOAL}   mesh CPU ms/text")
    for row in rows:
        say(
            f"{row['texts']:5} {row['callers']:7}  {row['form']:8}{row['grpc_rate']:8.0f}{row['http_rate']:8.0f}"
            f"{row['ratio']:8.2f}            {row['grpc_cpu_ms']:.2f} | {row['http_cpu_ms']:.2f}"
        )


def show_crowds(rows: list[dict[str, object]], say: Callable[[str], None]) -> None:
    """Print what crowds do to others."""
    say(f"\n{'p99 of 4 fast callers beside':30}{'calm':>9}{'crowded':>9}{'ratio':>7}  of 2   memory of the mesh")
    for row in rows:
        say(
            f"{row['crowd']:30}{row['calm_p99_ms']:6.0f} ms{row['p99_ms']:6.0f} ms{row['ratio']:7.2f}"
            f"{row['memory_mb']:13.0f} MB"
        )


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure (default: 3)")
    parser.add_argument("--texts", type=int, default=1500, help="texts of each measurement (default: 1500)")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections (default: 10,000)")
    parser.add_argument("--slow", type=int, default=200, help="slow callers (default: 200)")
    parser.add_argument("--parts", nargs="+", default=["throughput", "crowds"], choices=["throughput", "crowds"])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    figures = measure(arguments)
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
