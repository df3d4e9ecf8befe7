"""Measures search through the public gRPC address: writes, lag of the index, latency, CPU, recall and restarts.

    python tests/perf/bench_search.py [--documents 100000] [--data-dir DIR] [--json figures.json]

CPU is that of the mesh's process, beside zvec called directly on the same index. A data directory that is kept spares
the next run the writing: a million vectors take minutes to write and to index.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import grpc
import zvec
from corpus import TOP_K, Corpus
from mesh import Mesh, running_mesh
from search_load import Searches, SearchLoad

MODEL = "all-minilm-l6-v2"
WRITERS = 4
_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
Figures = dict[str, object]


async def filled(address: str, corpus: Corpus) -> Figures:
    """Write the corpus while a caller searches; return the rate, and what searches and the index made of it."""
    async with grpc.aio.insecure_channel(address, _OPTIONS) as channel:
        load = SearchLoad(channel, corpus)
        await load.create()
        written, level = asyncio.Event(), asyncio.Event()
        during, after = (asyncio.create_task(load.search_until(each)) for each in (written, level))
        rate = await load.fill(WRITERS)
        written.set()
        _, pending = await load.count()
        lag = await _level(load)
        level.set()
        return {
            "upserts_per_second": rate,
            "p95_ms_while_writing": (await during).percentile(95),
            "p95_ms_until_level": (await after).percentile(95),
            "pending_at_the_last_acknowledgement": pending,
            "seconds_until_the_index_was_level": lag,
        }


async def _level(load: SearchLoad) -> float:
    started = time.perf_counter()
    while (await load.count())[1]:  # noqa: ASYNC110 - the mesh is another process
        await asyncio.sleep(0.1)
    return time.perf_counter() - started


async def searched(mesh: Mesh, corpus: Corpus) -> list[Figures]:
    """Return recall, latency and CPU for each filter."""
    async with grpc.aio.insecure_channel(mesh.address, _OPTIONS) as channel:
        load = SearchLoad(channel, corpus)
        return [
            await _filtered(mesh, load, filter_, corpus.best(mask), float(mask.mean()))
            for filter_, mask in corpus.masks().items()
        ]


async def _filtered(mesh: Mesh, load: SearchLoad, filter_: str, best: list[set[int]], share: float) -> Figures:
    await load.search(filter_, 10)
    before, _ = mesh.cpu_seconds()
    done = await load.search(filter_)
    cpu = mesh.cpu_seconds()[0] - before
    assert all(len(ids) == len(rows) for ids, rows in zip(done.found, best, strict=True))
    return {
        "filter": filter_,
        "share": share,
        "recall": done.recall(best),
        "p50_ms": done.percentile(50),
        "p95_ms": done.percentile(95),
        "cpu_ms": 1000 * cpu / len(done.seconds),
    }


async def first_answer(mesh: Mesh, corpus: Corpus) -> float:
    """Return the seconds from the start of the mesh to the first hit."""
    async with grpc.aio.insecure_channel(mesh.address, _OPTIONS) as channel:
        await SearchLoad(channel, corpus).search(count=1)
    return time.monotonic() - mesh.started


def directly(index: Path, corpus: Corpus) -> Figures:
    """Search with zvec alone, on a copy of the mesh's own index."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(index, Path(folder) / "zvec")
        with closing(zvec.open(str(Path(folder) / "zvec"))) as collection:
            how = zvec.HnswQueryParam(ef=64, is_using_refiner=True)
            done, spent = Searches(), 0.0
            for query in (*corpus.queries[:10], *corpus.queries):
                started, cpu = time.perf_counter(), time.process_time()
                collection.query(zvec.Query("dense", vector=query, param=how), topk=TOP_K, output_fields=[])
                done.seconds.append(time.perf_counter() - started)
                spent = spent + time.process_time() - cpu if len(done.seconds) > 10 else 0.0
    return {"p50_ms": 1000 * statistics.median(done.seconds), "cpu_ms": 1000 * spent / len(corpus.queries)}


def measure(folder: Path, count: int, searches: int) -> Figures:
    """Run everything and return the figures."""
    corpus = Corpus(count, 384, searches)
    figures: Figures = {"documents": count}
    if not (folder / "data" / "search.sqlite3").exists():
        with running_mesh(folder, [MODEL]) as mesh:
            figures |= asyncio.run(filled(mesh.address, corpus))
    with running_mesh(folder, [MODEL]) as mesh:
        figures["start_to_first_hit_s"] = asyncio.run(first_answer(mesh, corpus))
        figures["searches"] = asyncio.run(searched(mesh, corpus))
        figures["memory_mb"] = mesh.memory_bytes() / 1e6
    (index,) = (folder / "data" / "search" / "index").glob("*/zvec")
    figures["zvec"] = directly(index, corpus)
    return figures


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000, help="documents of 384 (default: 100000)")
    parser.add_argument("--searches", type=int, default=200, help="searches for each filter (default: 200)")
    parser.add_argument("--data-dir", type=Path, help="where to keep the data for the next run")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(arguments.data_dir or Path(folder), arguments.documents, arguments.searches)
    shown = json.dumps(figures, indent=1)
    print(shown)
    if arguments.json:
        arguments.json.write_text(shown + "\n")


if __name__ == "__main__":
    main()
