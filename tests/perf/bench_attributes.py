"""Measures listings, counts and facets of a dataset version by attributes that callers gave its files.

.venv/bin/python tests/perf/bench_attributes.py --files 200000
"""

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog
from bench_datasets import BATCH, NAME, START, milliseconds, rows
from sqlalchemy import insert, update

from sensorium.dataset import datasets, versions
from sensorium.dataset.bitmaps.library import BitmapLibrary
from sensorium.dataset.bitmaps.shelf import BitmapShelf
from sensorium.dataset.embedded import BITMAPS, MIGRATIONS, ONLY_WORKER, STORE_FILE
from sensorium.dataset.file_fields import attribute_tokens
from sensorium.dataset.file_finder import FileFinder
from sensorium.dataset.file_service import FileService
from sensorium.dataset.storages.file_store import FileStore
from sensorium.dataset.tables import files
from sensorium.dataset.tables import versions as version_table
from sensorium.errors import Unavailable
from sensorium.model.dataset import DatasetSpec
from sensorium.model.dataset_file import FileSelection
from sensorium.model.search import FacetRequest
from sensorium.settings import DatasetSettings
from sensorium.storage.sqlite_file import SqliteFile
from sensorium.storage.store import Store

LENSES = tuple(f"Lens {number} mm, wide" for number in range(20))
WORDS = ("rain", "night", "bridge", "tunnel", "snow", "fog")
FILTERS = {
    "a text of 20": 'meta.lens = "Lens 7 mm, wide"',
    "words of a text of 20": 'meta.lens : "lens 7"',
    "half of the numbers": "meta.speed >= 50",
    "one number of its own": "meta.frame = 4711",
    "a text of a list": 'meta.labels HAS "night"',
    "either, and a tag": '(meta.speed < 1.5 OR NOT HAS meta.lens) AND tags HAS "half"',
    "one text of its own": f'meta.stamp = "{START}/4711"',
    "words of texts of their own": 'meta.stamp : "4711"',
}
FACETS = (FacetRequest("meta.lens"), FacetRequest("meta.labels"))


def given(number: int, chance: random.Random) -> dict[str, Any]:
    """Return what a caller says of one file; `stamp` is a text that no other has."""
    labels = [word for word in WORDS if chance.random() < 0.3]
    about = {"speed": round(chance.uniform(0, 100), 2), "frame": number, "labels": labels, "stamp": f"{START}/{number}"}
    return about | ({"lens": chance.choice(LENSES)} if number % 10 else {})


def described(version: int, first: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the rows of one batch of files, with attributes."""
    for number, row in enumerate(rows(version, first, chance), first):
        attributes = {**row["attributes"], **given(number, chance)}
        yield {**row, "attributes": attributes, "tokens": {**row["tokens"], **attribute_tokens(attributes)}}


async def fill(store: Store, count: int) -> None:
    """Write a version of `count` files straight into the catalog."""
    await store.write(lambda sql: datasets.create(sql, NAME.dataset, DatasetSpec()))
    version = await store.read(lambda sql: versions.row_of(sql, NAME).key)
    chance = random.Random(1)
    for first in range(0, count, BATCH):
        made = list(described(version, first, chance))
        await store.write(lambda sql, made=made: sql.execute(insert(files), made))  # type: ignore[misc]
    counted = update(version_table).values(file_count=count, size_bytes=count * 500_000)
    await store.write(lambda sql: sql.execute(counted))


async def _closed(_version: int) -> FileStore:
    raise Unavailable("the files of this benchmark are nowhere")


async def question(service: FileService, wanted: str, times: int) -> dict[str, object]:
    """Return what the first answer to a filter takes, and what those after it take, in milliseconds."""
    selection = FileSelection((), wanted)
    started = time.perf_counter()
    matches = (await service.statistics(NAME, selection)).file_count
    first = 1000 * (time.perf_counter() - started)
    return {
        "matches": matches,
        "first": round(first, 1),
        "count": await milliseconds(lambda: service.statistics(NAME, selection), times),
        "page": await milliseconds(lambda: service.list_files(NAME, 100, "", selection), times),
        "two facets": await milliseconds(lambda: service.statistics(NAME, selection, FACETS), times),
    }


async def measure(directory: Path, count: int, times: int, *, bitmaps: bool) -> dict[str, object]:
    """Return everything that is measured, on the catalog in `directory`, which is filled when it is not there."""
    file, fresh = directory / STORE_FILE, not (directory / STORE_FILE).exists()
    store = Store("dataset", SqliteFile(file), MIGRATIONS, threads=4, queue_reads=64, queue_rows=1_000_000)
    async with store:
        if fresh:
            await fill(store, count)
        library = BitmapLibrary(count if bitmaps else 0, BitmapShelf(directory / BITMAPS, ONLY_WORKER))
        service = FileService(store, DatasetSettings(), _closed, FileFinder(library))
        await service.statistics(NAME, FileSelection((), 'tags HAS "half"'))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = {name: await question(service, wanted, times) for name, wanted in FILTERS.items()}
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        return {"files": count, "memory_mib": memory, "milliseconds": found}


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=20, help="how often each question is asked")
    parser.add_argument("--sql", action="store_true", help="answer by the catalog alone, for comparison")
    parser.add_argument("--data", type=Path, help="keep the catalog in this folder, or find it there")
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.data or Path(temporary)
        found = asyncio.run(measure(directory, arguments.files, arguments.times, bitmaps=not arguments.sql))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
