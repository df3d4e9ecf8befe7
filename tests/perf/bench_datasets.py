"""Measures filtered listings, counts and facets of a dataset version with very many files.

.venv/bin/python tests/perf/bench_datasets.py --files 1000000
"""

import argparse
import asyncio
import gc
import itertools
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import insert, update

from sensorium.dataset import datasets, versions
from sensorium.dataset.bitmaps.keeper import BitmapKeeper
from sensorium.dataset.bitmaps.library import BitmapLibrary
from sensorium.dataset.bitmaps.shelf import BitmapShelf
from sensorium.dataset.embedded import BITMAPS, MIGRATIONS, ONLY_WORKER, STORE_FILE
from sensorium.dataset.file_fields import tokens_of
from sensorium.dataset.file_finder import FileFinder
from sensorium.dataset.file_service import FileService
from sensorium.dataset.storages.file_store import FileStore
from sensorium.dataset.tables import files
from sensorium.dataset.tables import versions as version_table
from sensorium.errors import Unavailable
from sensorium.model.dataset import DatasetSpec
from sensorium.model.dataset_file import FileOrder, FileSelection, SortBy, TagEdit
from sensorium.model.dataset_names import DatasetName, VersionName, file_id_of
from sensorium.model.search import FacetRequest, TagFilter
from sensorium.settings import DatasetSettings
from sensorium.storage.sqlite_file import SqliteFile
from sensorium.storage.store import Store

NAME = VersionName(DatasetName("default", "bench"), 1)
BATCH = 10_000
FOLDERS = 5000
START, SECOND = 1_767_225_600_000_000, 1_000_000
# Each tag stands on about this share of the files.
TAGS = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "rare": 0.0001} | {f"t{at}": 0.02 for at in range(50)}
SELECTIONS = {
    "everything": FileSelection(),
    "tag on 50 %": FileSelection(tags=TagFilter(all=("half",))),
    "tag on 10 %": FileSelection(tags=TagFilter(all=("tenth",))),
    "tag on 1 %": FileSelection(tags=TagFilter(all=("hundredth",))),
    "tag on 0.01 %": FileSelection(tags=TagFilter(all=("rare",))),
    "any of three tags": FileSelection(tags=TagFilter(any=("tenth", "t1", "t2"))),
    "all of two tags": FileSelection(tags=TagFilter(all=("half", "tenth"))),
    "a tag excluded": FileSelection(tags=TagFilter(none=("half",))),
    "a directory": FileSelection((), 'file_dir = "camera/00042"'),
    "words of directories": FileSelection((), 'file_dir : "camera" AND NOT file_dir : "00042"'),
    "a type": FileSelection((), 'file_type = "audio"'),
    "half of the times": FileSelection((), "file_update_time >= 2026-01-06T18:00:00Z"),
    "times, size, type, tags": FileSelection(
        (), 'file_update_time >= 2026-01-03T00:00:00Z AND file_update_time < 2026-01-05T00:00:00Z '
        'AND size_bytes > 500000 AND file_type IN ["image", "audio"]', TagFilter(any=("half", "t1"), none=("tenth",)),
    ),
    "either of two": FileSelection((), '(file_type = "audio" AND tags HAS "tenth") OR width > 1900'),
    "words of names in 1 %": FileSelection((), 'file_name : "jpg" AND tags HAS "hundredth"'),
}  # fmt: skip
LATEST = FileOrder(SortBy.FILE_UPDATE_TIME, descending=True)
FACETS = tuple(FacetRequest(field) for field in ("file_dir", "file_type", "tags", "user_tags"))


def rows(version: int, first: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the rows of one batch of files."""
    for number in range(first, first + BATCH):
        folder, name = f"camera/{chance.randrange(FOLDERS):05}", f"{number:08}.jpg"
        uri = f"file:///data/{folder}/{name}"
        tags = sorted(tag for tag, share in TAGS.items() if chance.random() < share)
        kind = chance.choices(("image", "audio", "text"), (8, 1, 1))[0]
        yield {
            "version": version, "id": file_id_of(uri), "uri": uri, "file_name": name, "file_dir": folder,
            "file_type": kind, "content_type": f"{kind}/x", "size_bytes": chance.randrange(1, 1_000_000),
            "fingerprint": f"{number:032}", "file_create_time": None, "file_update_time": START + number * SECOND,
            "width": chance.randrange(2000), "height": chance.randrange(2000), "duration_ms": 0,
            "attributes": {"format": "JPEG", "mode": "RGB"}, "tokens": tokens_of(name, folder, tags, {}),
            "comment": "", "origin_connection": "", "origin_uri": "", "status": "ACTIVE", "algorithm_tags": tags,
            "user_tags": [], "deleted_tags": [], "tags": tags, "tag_update_time": None, "import_job": "",
            "index_job": "", "index_of": "", "index_time": None, "create_time": 0, "update_time": 0,
        }  # fmt: skip


async def fill(store: Store, count: int) -> None:
    """Write a version of `count` files straight into the catalog."""
    await store.write(lambda sql: datasets.create(sql, NAME.dataset, DatasetSpec()))
    version = await store.read(lambda sql: versions.row_of(sql, NAME).key)
    chance = random.Random(1)
    for first in range(0, count, BATCH):
        made = list(rows(version, first, chance))
        await store.write(lambda sql, made=made: sql.execute(insert(files), made))  # type: ignore[misc]
    counted = update(version_table).values(file_count=count, size_bytes=count * 500_000)
    await store.write(lambda sql: sql.execute(counted))


async def milliseconds(work: Callable[[], Awaitable[object]], times: int) -> dict[str, float]:
    """Return the median and the 95th percentile of the time that `work` took, and the latter of its processor time."""
    took, cpu = [], []
    for _ in range(times):
        started, cpu_started = time.perf_counter(), time.process_time()
        await work()
        took.append(1000 * (time.perf_counter() - started))
        cpu.append(1000 * (time.process_time() - cpu_started))
    at = min(times - 1, round(0.95 * times))
    return {
        "p50": round(statistics.median(took), 2),
        "p95": round(sorted(took)[at], 2),
        "cpu_p95": round(sorted(cpu)[at], 2),
    }


async def questions(service: FileService, times: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return what each question takes for each selection."""
    found = {}
    for name, selection in SELECTIONS.items():
        first = await service.list_files(NAME, 100, "", selection)
        work: dict[str, Callable[[], Awaitable[object]]] = {
            "page": lambda selection=selection: service.list_files(NAME, 100, "", selection),
            "next page": lambda selection=selection, token=first.next_page_token: service.list_files(
                NAME, 100, token, selection
            ),
            "page by time": lambda selection=selection: service.list_files(NAME, 100, "", selection, LATEST),
            "count": lambda selection=selection: service.statistics(NAME, selection),
            "four facets": lambda selection=selection: service.statistics(NAME, selection, FACETS),
        }  # fmt: skip
        found[name] = {kind: await milliseconds(each, times) for kind, each in work.items()}
    return found


async def changed(service: FileService, times: int) -> dict[str, float]:
    """Return what a facet takes right after the tags of about 100 files were changed."""
    numbers = itertools.count()

    async def edit() -> None:
        folder = f'file_dir = "camera/{next(numbers):05}"'
        await service.edit_tags(TagEdit(NAME, FileSelection(filter=folder), add=("seen",)))

    took = []
    for _ in range(times):
        await edit()
        started = time.perf_counter()
        await service.statistics(NAME, SELECTIONS["tag on 50 %"], FACETS)
        took.append(1000 * (time.perf_counter() - started))
    return {"p50": round(statistics.median(took), 2), "most": round(max(took), 2)}


async def _closed(_version: int) -> FileStore:
    raise Unavailable("the files of this benchmark are nowhere")


async def measure(directory: Path, count: int, times: int, *, bitmaps: bool) -> dict[str, object]:
    """Return everything that is measured, on the catalog in `directory`, which is filled when it is not there."""
    file, fresh = directory / STORE_FILE, not (directory / STORE_FILE).exists()
    store = Store("dataset", SqliteFile(file), MIGRATIONS, threads=4, queue_reads=64, queue_rows=1_000_000)
    async with store:
        started = time.perf_counter()
        if fresh:
            await fill(store, count)
        filled = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        shelf = BitmapShelf(directory / BITMAPS, ONLY_WORKER)
        library = BitmapLibrary(count if bitmaps else 0, shelf)
        service = FileService(store, DatasetSettings(), _closed, FileFinder(library))
        await service.statistics(NAME, SELECTIONS["tag on 1 %"], FACETS)
        made = time.perf_counter()
        await BitmapKeeper(store, library, shelf).keep()
        kept = time.perf_counter()
        restarted = FileService(store, DatasetSettings(), _closed, FileFinder(BitmapLibrary(count, shelf)))
        await restarted.statistics(NAME, SELECTIONS["tag on 1 %"], FACETS)
        again = time.perf_counter()
        # As the mesh does when it has started; else a walk over all objects falls into some of the answers.
        gc.collect()
        gc.freeze()
        return {
            "files": count,
            "fill_seconds": round(filled - started, 1),
            "first_answer_seconds": round(made - filled, 1),
            "keep_seconds": round(kept - made, 2),
            "first_answer_after_a_restart_seconds": round(again - kept, 2),
            "kept_mib": sum(each.stat().st_size for each in (directory / BITMAPS).glob("*")) >> 20,
            "memory_mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024,
            "milliseconds": await questions(service, times),
            "facets_after_a_change_ms": await changed(service, times),
        }


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=20, help="how often each question is asked")
    parser.add_argument("--sql", action="store_true", help="answer by the catalog alone, for comparison")
    parser.add_argument("--data", type=Path, help="keep the catalog in this folder, or find it there")
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.data or Path(temporary)
        found = asyncio.run(measure(directory, arguments.files, arguments.times, bitmaps=not arguments.sql))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
