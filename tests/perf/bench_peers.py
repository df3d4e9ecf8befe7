"""Compares search with its peers side by side: the same vectors, queries and filters, one engine after another.

    make bench-peers [ARGS="--documents 100000 --engines sensorium,pgvector,lancedb,qdrant-edge,milvus-lite"]

One caller, one query at a time. Every engine is called as its users call it: ours over gRPC from another process,
PostgreSQL over its socket, the others within this process. CPU is that of whatever process does the work, so ours and
PostgreSQL's do not count what their callers spend. Writes JSON, a Markdown table and a plot of recall against queries a
second into the folder `--out`.
"""

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from corpus import TOP_K, Corpus
from peers.engine import Engine
from peers.lance import lance
from peers.milvus import milvus
from peers.postgres import postgres
from peers.qdrant import qdrant
from peers.sensorium_mesh import sensorium

ENGINES = {
    "sensorium": sensorium,
    "pgvector": postgres,
    "lancedb": lance,
    "qdrant-edge": qdrant,
    "milvus-lite": milvus,
}
FILTERS = {"1 %": 0.01, "10 %": 0.1, "50 %": 0.5}
WIDTHS = (32, 64, 128, 256)
Figures = dict[str, object]


def measured(start: AbstractContextManager[Engine], corpus: Corpus) -> Figures:
    """Return what one engine reaches, without a filter at each width of its search, and with filters at its own."""
    with start as engine:
        began = time.perf_counter()
        engine.fill()
        filled = time.perf_counter()
        engine.build()
        figures: Figures = {
            "inserts_per_second": len(corpus) / (filled - began),
            "build_seconds": time.perf_counter() - filled,
        }
        best = corpus.best(corpus.share >= 0)
        widths = WIDTHS if engine.has_width else (0,)
        figures["widths"] = [searched(engine, corpus, best, 1.0, width) | {"width": width} for width in widths]
        figures["filters"] = {
            name: searched(engine, corpus, corpus.best(corpus.share < share), share, 64)
            for name, share in FILTERS.items()
        }
        return figures


def searched(engine: Engine, corpus: Corpus, best: list[set[int]], share: float, width: int) -> Figures:
    """Return recall, the share of hits that came at all, queries a second and CPU milliseconds a query."""
    for query in corpus.queries[:5]:
        engine.search(query, share, width)
    cpu, started = engine.cpu_seconds(), time.perf_counter()
    found = [set(engine.search(query, share, width)) for query in corpus.queries]
    seconds = time.perf_counter() - started
    cpu = engine.cpu_seconds() - cpu
    wanted = min(TOP_K, round(share * len(corpus)))
    return {
        "recall": float(np.mean([len(rows & ids) / len(rows) for rows, ids in zip(best, found, strict=True)])),
        "hits": float(np.mean([len(ids) / wanted for ids in found])),
        "queries_per_second": len(found) / seconds,
        "cpu_ms": 1000 * cpu / len(found),
    }


def table(figures: Mapping[str, Figures]) -> str:
    """Return the figures in Markdown; the unfiltered ones at width 64, or at the engine's own."""
    lines = [
        "| engine | inserts/s | build s | recall / queries/s / CPU-ms |" + "".join(f" {name} |" for name in FILTERS),
        "|---|---|---|---|" + "---|" * len(FILTERS),
    ]
    for name, each in figures.items():
        if "error" in each:
            lines.append(f"| {name} | {each['error']} |" + " |" * (2 + len(FILTERS)))
            continue
        plain = next(row for row in _rows(each["widths"]) if row["width"] in {0, 64})
        cells = [_cell(plain), *map(_cell, _rows(each["filters"]))]
        lines.append(
            f"| {name} | {each['inserts_per_second']:,.0f} | {each['build_seconds']:.0f} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def _rows(figures: object) -> list[Figures]:
    return list(figures.values()) if isinstance(figures, dict) else figures  # type: ignore[return-value]


def _cell(row: Figures) -> str:
    return f"{row['recall']:.3f} / {row['queries_per_second']:.0f} / {row['cpu_ms']:.2f}"


def plot(figures: Mapping[str, Figures], path: Path) -> None:
    """Draw recall against queries a second, a line for each engine."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    for name, each in figures.items():
        if "error" not in each:
            rows = _rows(each["widths"])
            pyplot.plot([row["recall"] for row in rows], [row["queries_per_second"] for row in rows], "o-", label=name)
    pyplot.xlabel("recall at 10")
    pyplot.ylabel("queries a second, one caller")
    pyplot.yscale("log")
    pyplot.grid(which="both", alpha=0.3)
    pyplot.legend()
    pyplot.savefig(path)


def main() -> None:
    """Measure each engine in a directory of its own; one that fails says why and stops no other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000, help="vectors of 384 (default: 100000)")
    parser.add_argument("--searches", type=int, default=200, help="queries of each figure (default: 200)")
    parser.add_argument("--engines", default=",".join(ENGINES), help="which, separated by commas")
    parser.add_argument("--out", type=Path, default=Path("build/peers"), help="where the figures go")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(arguments.documents, 384, arguments.searches)
    figures: dict[str, Figures] = {}
    for name in arguments.engines.split(","):
        print(name, "…", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            try:
                figures[name] = measured(ENGINES[name](Path(folder), corpus), corpus)
            except Exception as error:  # Whatever a peer raises.
                traceback.print_exc()
                figures[name] = {"error": f"{type(error).__name__}: {error}"[:200]}
        (arguments.out / "peers.json").write_text(json.dumps(figures, indent=1) + "\n")
    (arguments.out / "peers.md").write_text(table(figures) + "\n")
    print(table(figures))
    plot(figures, arguments.out / "peers.svg")


if __name__ == "__main__":
    main()
