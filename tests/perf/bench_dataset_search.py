"""Measures searches by vector and tags in a dataset version with very many files, through the public gRPC address.

    python tests/perf/bench_dataset_search.py [--files 1000000] [--data DIR] [--json figures.json]

The catalog is filled as by bench_datasets.py, the vectors are those of bench_search.py, and do not go with the tags. A
directory that is kept spares the next run the writing: a million files take long to write and to index.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from bench_datasets import BATCH, NAME, SELECTIONS, TAGS, fill, rows
from corpus import TOP_K, Corpus, Mask
from mesh import Mesh, running_mesh
from sqlalchemy import update

from sensorium import Client, Document
from sensorium.dataset.documents import ATTRIBUTES, attributes_of
from sensorium.dataset.embedded import MIGRATIONS, STORE_FILE
from sensorium.dataset.tables import versions
from sensorium.model.names import CollectionName
from sensorium.storage.sqlite_file import SqliteFile
from sensorium.storage.store import Store

MODEL = "all-minilm-l6-v2"
DIMENSION = 384
COLLECTION = "bench-files"
SEED = 1  # that of bench_datasets.fill
Figures = dict[str, object]


class Truth:
    """What the rows of the catalog say, as arrays; row n is file n."""

    def __init__(self, count: int) -> None:
        self.ids: list[str] = []
        self.tags = {tag: np.zeros(count, bool) for tag in TAGS}
        self.kinds = np.empty(count, "<U5")
        self.sizes = np.zeros(count, np.int64)
        for number, row in enumerate(_every_row(count)):
            self.ids.append(row["id"])
            self.kinds[number], self.sizes[number] = row["file_type"], row["size_bytes"]
            for tag in row["tags"]:
                self.tags[tag][number] = True

    def masks(self) -> Mapping[str, Mask]:
        """Return what each selection of the mix lets through."""
        tags, numbers = self.tags, np.arange(len(self.ids))
        medium = (self.kinds == "image") | (self.kinds == "audio")
        days = (
            24 * 3600 * np.array([2, 4])
        )  # from the 3rd to the 5th of January, of files a second apart from the 1st on
        return {
            "everything": numbers >= 0,
            "tag on 50 %": tags["half"],
            "tag on 10 %": tags["tenth"],
            "tag on 1 %": tags["hundredth"],
            "tag on 0.01 %": tags["rare"],
            "any of three tags": tags["tenth"] | tags["t1"] | tags["t2"],
            "all of two tags": tags["half"] & tags["tenth"],
            "a tag excluded": ~tags["half"],
            "a type": self.kinds == "audio",
            "half of the times": numbers >= 5 * 24 * 3600 + 18 * 3600,
            "times, size, type, tags": (numbers >= days[0]) & (numbers < days[1]) & (self.sizes > 500_000) & medium
            & (tags["half"] | tags["t1"]) & ~tags["tenth"],
        }  # fmt: skip


def _every_row(count: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(SEED)
    for first in range(0, count, BATCH):
        yield from rows(0, first, chance)


async def filled(file: Path, count: int) -> None:
    """Write the catalog, and which collection holds its vectors."""
    store = Store("dataset", SqliteFile(file), MIGRATIONS, threads=1, queue_reads=8, queue_rows=1_000_000)
    async with store:
        await fill(store, count)
        name = str(CollectionName("default", COLLECTION))
        await store.write(lambda sql: sql.execute(update(versions).values(collection=name)))


def indexed(client: Client, corpus: Corpus) -> Figures:
    """Write the vectors with what filters may ask of the files."""
    client.create_collection(COLLECTION, dimension=DIMENSION, attributes=ATTRIBUTES)
    started = time.monotonic()
    documents = (
        Document(
            row["id"],
            vector=vector,
            tags=tuple(row["tags"]),
            attributes=attributes_of(SimpleNamespace(_mapping=row)),  # type: ignore[arg-type]
        )
        for row, vector in zip(_every_row(len(corpus)), corpus.vectors, strict=True)
    )
    client.upsert(COLLECTION, documents).raise_for_errors()
    written = time.monotonic()
    while client.get_collection(COLLECTION).pending_count:
        time.sleep(1)
    return {"upserts_per_second": len(corpus) / (written - started), "level_after_seconds": time.monotonic() - written}


def searched(mesh: Mesh, client: Client, corpus: Corpus, name: str, wanted: Sequence[set[str]]) -> Figures:
    """Return recall, latency and CPU of all queries under one selection, one after another."""
    selection = SELECTIONS[name]
    took, recall = [], []
    before = mesh.cpu_seconds()[0]
    for query, best in zip(corpus.queries, wanted, strict=True):
        started = time.perf_counter()
        answer = client.datasets.search(
            NAME.dataset.id, query, filter=selection.filter, tags=selection.tags, top_k=TOP_K
        )
        took.append(1000 * (time.perf_counter() - started))
        recall.append(len({hit.file.name.id for hit in answer.hits} & best) / len(best) if best else 1.0)
    return {
        "selection": name,
        "matches": answer.match_count,
        "recall": float(np.mean(recall)),
        "p50_ms": float(np.percentile(took, 50)),
        "p95_ms": float(np.percentile(took, 95)),
        "cpu_ms": 1000 * (mesh.cpu_seconds()[0] - before) / len(took),
    }


def measure(folder: Path, count: int) -> Figures:
    """Fill what is not there yet, and return all figures."""
    corpus, truth = Corpus(count, DIMENSION), Truth(count)
    fresh = not (folder / "data" / STORE_FILE).exists()
    if fresh:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        asyncio.run(filled(folder / "data" / STORE_FILE, count))
    with running_mesh(folder, [MODEL]) as mesh, Client(mesh.address, timeout=600) as client:
        figures: Figures = {"files": count} | (indexed(client, corpus) if fresh else {})
        client.datasets.search(NAME.dataset.id, corpus.queries[0])  # makes the bitmaps
        figures["searches"] = [
            searched(mesh, client, corpus, name, [{truth.ids[row] for row in best} for best in corpus.best(mask)])
            for name, mask in truth.masks().items()
        ]
        return figures


def show(figures: Figures) -> None:
    """Print the searches as a table."""
    for each in figures["searches"]:  # type: ignore[attr-defined]
        print(
            f"{each['selection']:26}{each['matches']:>10,} recall {each['recall']:.3f}"
            f"  p50 {each['p50_ms']:6.1f}  p95 {each['p95_ms']:6.1f} ms  CPU {each['cpu_ms']:6.1f} ms"
        )


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, help="keep everything in this folder, or find it there")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure(arguments.data or Path(temporary), arguments.files)
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
