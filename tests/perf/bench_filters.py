"""Measures the ways that the planner of filtered searches chooses between, and what counting costs.

.venv/bin/python tests/perf/bench_filters.py --documents 100000
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from corpus import TOP_K, Corpus

from sensorium.filters.parser import parse
from sensorium.model.collection import AttributeField, AttributeType, CollectionSpec
from sensorium.model.document import Document
from sensorium.model.embedding import Embedding
from sensorium.model.names import CollectionName
from sensorium.model.search import FacetRequest, QueryPart, SearchRequest, Selection, UpsertRequest
from sensorium.model.vector import Vector
from sensorium.search.embedded import embedded_search
from sensorium.search.exact_scan import Scan
from sensorium.search.filter_fields import fields_of
from sensorium.search.open_collection import OpenCollection
from sensorium.search.service import SearchService
from sensorium.settings import SearchSettings

NAME = CollectionName("default", "bench")
BATCH = 1000
SPEC_FIELDS = (
    AttributeField("share", AttributeType.DOUBLE),
    AttributeField("cluster", AttributeType.INT),
    AttributeField("colour", AttributeType.STRING),
)
MATCHES = (10, 50, 100, 250, 500, 1000, 2000, 5000, 10_000)


def document(corpus: Corpus, row: int) -> Document:
    """Return one document."""
    attributes = {"share": float(corpus.share[row]), "cluster": int(corpus.cluster[row]), "colour": f"colour {row % 7}"}
    return Document(str(row), Embedding(dense=Vector.from_numpy(corpus.vectors[row])), (f"t{row % 5}",), attributes)


async def fill(service: SearchService, corpus: Corpus) -> float:
    """Write all documents; return documents per second, acknowledged."""
    await service.create_collection(NAME, CollectionSpec(dimension=corpus.vectors.shape[1], attributes=SPEC_FIELDS))
    started = time.perf_counter()
    for start in range(0, len(corpus.vectors), BATCH):
        rows = range(start, min(start + BATCH, len(corpus.vectors)))
        await service.upsert_documents(UpsertRequest(NAME, tuple(document(corpus, row) for row in rows)))
    return len(corpus.vectors) / (time.perf_counter() - started)


def milliseconds(work: Callable[[], object], times: int = 15) -> float:
    """Return the median time of `work`."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def ways(opened: OpenCollection, service: SearchService, corpus: Corpus) -> list[dict[str, float]]:
    """Return for several numbers of matches what each way of the planner costs, in milliseconds."""
    return [_way(opened, service, corpus, matches) for matches in MATCHES if matches < len(corpus.share)]


def _way(opened: OpenCollection, service: SearchService, corpus: Corpus, matches: int) -> dict[str, float]:
    index, query = opened.follower.index, corpus.queries[0]
    part = parse(f"share < {matches / len(corpus.share)!r}", fields_of(SPEC_FIELDS))
    keys = index.matching(part, matches + 1).tolist()
    with service._store.snapshot() as connection:
        scan = Scan(connection, opened.stored, part, query, opened.follower.applied_seq)
        return {
            "matches": matches,
            "listing_ms": milliseconds(lambda: index.matching(part, matches + 1)),
            "scoring_ms": milliseconds(lambda: scan.among(keys, TOP_K)),
            "index_ms": milliseconds(lambda: index.search(query, TOP_K, part)),
        }


async def scans(service: SearchService, corpus: Corpus) -> dict[str, float]:
    """Return what counting costs, in milliseconds."""
    started = time.perf_counter()
    await service.count_documents(NAME, Selection("share < 0.5"))
    counted = time.perf_counter()
    query = (QueryPart(Vector.from_numpy(corpus.queries[0])),)
    facets = (FacetRequest("colour"), FacetRequest("tags"))
    await service.search(SearchRequest(NAME, query, filter="share < 0.5", facets=facets))
    return {"count_ms": 1000 * (counted - started), "two_facets_ms": 1000 * (time.perf_counter() - counted)}


async def measure(count: int, dimension: int) -> dict[str, object]:
    """Return everything that is measured."""
    corpus = Corpus(count, dimension)
    with tempfile.TemporaryDirectory() as directory:
        async with embedded_search(Path(directory), SearchSettings()) as service:
            rate = await fill(service, corpus)
            async with service._library.use(NAME) as opened:
                opened.follower.optimise()
                found = {"ways": ways(opened, service, corpus)}
            return {
                "documents": count,
                "dimension": dimension,
                "upserts_per_second": rate,
                **found,
                "scans": await scans(service, corpus),
            }


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=384)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    print(json.dumps(asyncio.run(measure(arguments.documents, arguments.dimension)), indent=1))


if __name__ == "__main__":
    main()
