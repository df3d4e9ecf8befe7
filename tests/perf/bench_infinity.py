"""Compares `/v1/embeddings` with Infinity's, on the same weights, machine and callers, side by side.

    make bench-infinity [ARGS="--rounds 3 --texts 1500 --json figures.json"]

64 callers of one text each, on texts of mixed lengths and on texts of one length. Both servers run all the while;
rounds alternate between them, so that what else the machine does falls on both. Figures are medians of rounds. First
it is checked that both give the same vectors.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import http_load
import numpy as np
from bench_embed import FP32, REPOSITORY, helper_process
from http_load import Caller, Target
from load import Answered, Load
from mesh import ROOT, running_mesh
from peers.infinity import running_infinity
from texts import load_texts

CALLERS = 64
MOST_TOKENS = 256
SAME = 0.999
GOALS = {"mixed": 1.5, "uniform": 1.0}
UNIFORM = "A sentence of a usual length, of which all the others have as many words as it has itself, number {}."


def texts_of(count: int) -> Mapping[str, Sequence[str]]:
    """Return the texts by kind."""
    return {"mixed": load_texts(count), "uniform": [UNIFORM.format(100 + index % 900) for index in range(count)]}


async def same_vectors(sides: Mapping[str, Target], texts: Sequence[str]) -> float:
    """Return the least cosine between what the sides say of the same texts. Raises RuntimeError when it is small."""
    vectors = [await _vectors(each, texts) for each in sides.values()]
    least = float(min((vectors[0] * vectors[1]).sum(axis=1)))
    if least < SAME:
        raise RuntimeError(f"the sides do not do the same: the least cosine of their vectors is {least:.3f}")
    return least


async def _vectors(target: Target, texts: Sequence[str]) -> np.ndarray:
    caller = await Caller.connected(target.address)
    try:
        answer = json.loads(await caller.body(http_load.request_of(target, texts)))
    finally:
        caller.close()
    rows = np.array([each["embedding"] for each in answer["data"]])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def compared(
    generator: Connection, sides: Mapping[str, Target], kind: str, texts: Sequence[str], rounds: int
) -> dict[str, object]:
    """Return a row for one kind of texts."""
    wanted = Load(FP32, 1, CALLERS, len(texts))
    answers: dict[str, list[Answered]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, target in sides.items():
            generator.send((target, texts, wanted))
            answered: Answered = generator.recv()
            if turn:  # The first warms up.
                answers[name].append(answered)
    rates = {name: [each.texts_per_second for each in found] for name, found in answers.items()}
    slow = {
        name: [1e3 * statistics.quantiles(each.seconds, n=100)[98] for each in found] for name, found in answers.items()
    }
    ours, theirs = sides
    ratios = sorted(mine / other for mine, other in zip(rates[ours], rates[theirs], strict=True))
    return {
        "texts": kind,
        "goal": GOALS[kind],
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "rates": {name: statistics.median(each) for name, each in rates.items()},
        "p99_ms": {name: statistics.median(each) for name, each in slow.items()},
    }


def rows(arguments: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Start both sides and yield what is measured."""
    built = REPOSITORY / FP32 / "1" / "model.onnx"
    with (
        tempfile.TemporaryDirectory() as folder,
        running_infinity(arguments.infinity, built, Path(folder), MOST_TOKENS) as infinity,
        running_mesh(Path(folder), [FP32]) as mesh,
        helper_process(http_load.serve) as generator,
    ):
        sides = {
            "sensorium": Target(mesh.http_address, "/v1/embeddings", {"model": FP32}),
            "infinity": Target(infinity, "/embeddings", {"model": FP32}),
        }
        kinds = texts_of(arguments.texts)
        yield {"least_cosine": asyncio.run(same_vectors(sides, kinds["mixed"][:32]))}
        for kind, texts in kinds.items():
            yield compared(generator, sides, kind, texts, arguments.rounds)


def show(row: Mapping[str, object]) -> None:
    """Print one row."""
    if "least_cosine" in row:
        print(f"least cosine between the vectors of both: {row['least_cosine']:.6f}\n")
        print(f"{CALLERS} callers of one text    Sensorium   Infinity   ratio  goal   p99: Sensorium   Infinity")
        return
    rates, slow = row["rates"], row["p99_ms"]
    assert isinstance(rates, dict)
    assert isinstance(slow, dict)
    print(
        f"{row['texts']:>12} lengths {rates['sensorium']:10.0f}/s {rates['infinity']:8.0f}/s {row['ratio']:7.2f}"
        f"{row['goal']:6.1f} {slow['sensorium']:14.0f} ms {slow['infinity']:7.0f} ms",
        flush=True,
    )


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure (default: 3)")
    parser.add_argument("--texts", type=int, default=1500, help="texts of each measurement (default: 1500)")
    parser.add_argument(
        "--infinity",
        type=Path,
        default=ROOT / ".venv-infinity" / "bin" / "python",
        help="the interpreter of Infinity's environment",
    )
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    figures = []
    for row in rows(arguments):
        figures.append(row)
        show(row)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
