"""Measures filtered search: the ways that the planner chooses between, and what it reaches with its choice.

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

import numpy as np
import structlog
from numpy.typing import NDArray

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
TOP_K = 10
BATCH = 1000
CLUSTERS = 200
SPEC_FIELDS = (
    AttributeField("share", AttributeType.DOUBLE),
    AttributeField("cluster", AttributeType.INT),
    AttributeField("colour", AttributeType.STRING),
)
MATCHES = (10, 50, 100, 250, 500, 1000, 2000, 5000, 10_000)
Matrix = NDArray[np.float32]


class Corpus:
    """Unit vectors around random centres, with attributes that do and do not go with the vectors."""

    def __init__(self, count: int, dimension: int) -> None:
        rng = np.random.default_rng(7)
        centres = rng.standard_normal((CLUSTERS, dimension))
        self.cluster = rng.integers(0, CLUSTERS, count)
        self.share = rng.permutation(count) / count
        points = centres[self.cluster] + 0.8 * rng.standard_normal((count, dimension))
        self.vectors: Matrix = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
        chosen = centres[rng.integers(0, CLUSTERS, 100)] + 0.8 * rng.standard_normal((100, dimension))
        self.queries: Matrix = (chosen / np.linalg.norm(chosen, axis=1, keepdims=True)).astype(np.float32)

    def document(self, row: int) -> Document:
        """Return one document."""
        attributes = {
            "share": float(self.share[row]), "cluster": int(self.cluster[row]), "colour": f"colour {row % 7}"
        }  # fmt: skip
        return Document(str(row), Embedding(dense=Vector.from_numpy(self.vectors[row])), (f"t{row % 5}",), attributes)

    def best(self, query: Matrix, mask: NDArray[np.bool_]) -> set[str]:
        """Return the ids of the exact top hits among `mask`."""
        rows = np.flatnonzero(mask)
        return set(map(str, rows[np.argsort(-(self.vectors[rows] @ query))[:TOP_K]].tolist()))


async def fill(service: SearchService, corpus: Corpus) -> float:
    """Write all documents; return documents per second, acknowledged."""
    await service.create_collection(NAME, CollectionSpec(dimension=corpus.vectors.shape[1], attributes=SPEC_FIELDS))
    started = time.perf_counter()
    for start in range(0, len(corpus.vectors), BATCH):
        rows = range(start, min(start + BATCH, len(corpus.vectors)))
        await service.upsert_documents(UpsertRequest(NAME, tuple(map(corpus.document, rows))))
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


async def mixes(service: SearchService, corpus: Corpus) -> list[dict[str, float | str]]:
    """Return recall and latency of filtered searches through the service."""
    share, cluster, colour = corpus.share, corpus.cluster, np.arange(len(corpus.share)) % 7
    masks = {
        "": share >= 0,
        "share < 0.0001": share < 0.0001,
        "share < 0.01": share < 0.01,
        "share < 0.1": share < 0.1,
        "share < 0.5": share < 0.5,
        "cluster < 2": cluster < 2,
        "cluster < 20": cluster < 20,
        "NOT cluster < 100": cluster >= 100,
        "colour:'colour 3' AND share < 0.5": (colour == 3) & (share < 0.5),
    }
    return [await _mix(service, corpus, filter_, mask) for filter_, mask in masks.items()]


async def _mix(service: SearchService, corpus: Corpus, filter_: str, mask: NDArray[np.bool_]) -> dict[str, float | str]:
    seconds, found, cpu = [], [], time.process_time()
    for query in corpus.queries:
        request = SearchRequest(NAME, (QueryPart(Vector.from_numpy(query)),), top_k=TOP_K, filter=filter_)
        started = time.perf_counter()
        response = await service.search(request)
        seconds.append(time.perf_counter() - started)
        found.append({hit.document.id for hit in response.hits})
    cpu = time.process_time() - cpu
    wanted = [corpus.best(query, mask) for query in corpus.queries]
    assert all(len(ids) == len(best) for ids, best in zip(found, wanted, strict=True))
    return {
        "filter": filter_ or "(none)",
        "share": float(mask.mean()),
        "recall": statistics.mean(len(ids & best) / len(best) for ids, best in zip(found, wanted, strict=True)),
        "cpu_ms": 1000 * cpu / len(seconds),
        "p50_ms": 1000 * statistics.median(seconds),
        "p95_ms": 1000 * float(np.percentile(seconds, 95)),
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
                "mixes": await mixes(service, corpus),
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
