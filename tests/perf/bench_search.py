"""Measures the embedded search service against zvec called directly: writes, latency, CPU time and recall.

.venv/bin/python tests/perf/bench_search.py --documents 20000
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import structlog
import zvec
from numpy.typing import NDArray

from sensorium.model.collection import CollectionSpec
from sensorium.model.document import Document
from sensorium.model.embedding import Embedding
from sensorium.model.names import CollectionName
from sensorium.model.search import QueryPart, SearchRequest, UpsertRequest
from sensorium.model.vector import Vector
from sensorium.search.embedded import embedded_search
from sensorium.search.service import SearchService
from sensorium.settings import SearchSettings

NAME = CollectionName("default", "bench")
TOP_K = 10
BATCH = 1000
CLUSTERS = 200
Matrix = NDArray[np.float32]


def clustered(count: int, dimension: int, rng: np.random.Generator) -> Matrix:
    """Return unit vectors around random centres, shape [count, dimension]."""
    centres = rng.standard_normal((CLUSTERS, dimension))
    points = centres[rng.integers(0, CLUSTERS, count)] + 0.8 * rng.standard_normal((count, dimension))
    units: Matrix = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return units


def recall(vectors: Matrix, queries: Matrix, found: list[list[str]]) -> float:
    """Return the share of the exact top hits that were found."""
    exact = [set(map(str, np.argsort(-(vectors @ query))[:TOP_K].tolist())) for query in queries]
    return statistics.mean(len(best & set(ids)) / TOP_K for best, ids in zip(exact, found, strict=True))


async def fill(service: SearchService, vectors: Matrix) -> float:
    """Write all vectors in batches; return documents per second, acknowledged."""
    await service.create_collection(NAME, CollectionSpec(dimension=vectors.shape[1]))
    batches = [
        tuple(
            Document(str(row), Embedding(dense=Vector.from_numpy(vectors[row])), ("bench",), {"row": row})
            for row in range(start, min(start + BATCH, len(vectors)))
        )
        for start in range(0, len(vectors), BATCH)
    ]
    started = time.perf_counter()
    for batch in batches:
        response = await service.upsert_documents(UpsertRequest(NAME, batch))
        assert response.written_count == len(batch)
    return len(vectors) / (time.perf_counter() - started)


async def through_service(service: SearchService, queries: Matrix) -> tuple[list[float], float, list[list[str]]]:
    """Return the seconds of each search, CPU seconds in all, and the ids found."""
    requests = [SearchRequest(NAME, (QueryPart(Vector.from_numpy(query)),), top_k=TOP_K) for query in queries]
    seconds, found = [], []
    cpu = time.process_time()
    for request in requests:
        started = time.perf_counter()
        response = await service.search(request)
        seconds.append(time.perf_counter() - started)
        found.append([hit.document.id for hit in response.hits])
    return seconds, time.process_time() - cpu, found


def directly(directory: Path, vectors: Matrix, queries: Matrix) -> tuple[list[float], float, list[list[str]]]:
    """Do the same with zvec alone, its graph built."""
    graph = zvec.HnswIndexParam(zvec.MetricType.COSINE, m=16, ef_construction=200, quantize_type=zvec.QuantizeType.INT8)
    field = zvec.VectorSchema("dense", zvec.DataType.VECTOR_FP32, vectors.shape[1], graph)
    collection = zvec.create_and_open(str(directory), zvec.CollectionSchema("raw", vectors=field))
    for start in range(0, len(vectors), BATCH):
        rows = range(start, min(start + BATCH, len(vectors)))
        collection.upsert([zvec.Doc(id=str(row), vectors={"dense": vectors[row]}) for row in rows])
    collection.optimize()
    how = zvec.HnswQueryParam(ef=64, is_using_refiner=True)
    seconds, found = [], []
    cpu = time.process_time()
    for query in queries:
        started = time.perf_counter()
        hits = collection.query(zvec.Query("dense", vector=query, param=how), topk=TOP_K, output_fields=[])
        seconds.append(time.perf_counter() - started)
        found.append([hit.id for hit in hits])
    spent = time.process_time() - cpu
    collection.close()
    return seconds, spent, found


def summary(seconds: list[float], cpu: float, share: float) -> dict[str, float]:
    """Return the figures of one run."""
    ordered = sorted(seconds)
    return {
        "p50_ms": 1000 * statistics.median(ordered),
        "p95_ms": 1000 * ordered[int(0.95 * len(ordered))],
        "cpu_ms": 1000 * cpu / len(ordered),
        "recall": share,
    }


async def measure(count: int, dimension: int, searches: int) -> dict[str, object]:
    """Run everything once."""
    rng = np.random.default_rng(0)
    vectors = clustered(count, dimension, rng)
    noise = 0.03 * rng.standard_normal((searches, dimension)).astype(np.float32)
    queries = vectors[rng.integers(0, count, searches)] + noise
    settings = SearchSettings()
    with tempfile.TemporaryDirectory() as directory:
        async with embedded_search(Path(directory), settings) as service:
            rate = await fill(service, vectors)
        # A second start finds the graph built and shows how long that takes.
        started = time.perf_counter()
        async with embedded_search(Path(directory), settings) as service:
            await through_service(service, queries[:1])
            reopened = time.perf_counter() - started
            seconds, cpu, found = await through_service(service, queries)
        service_figures = summary(seconds, cpu, recall(vectors, queries, found))
        seconds, cpu, found = directly(Path(directory) / "raw", vectors, queries)
        zvec_figures = summary(seconds, cpu, recall(vectors, queries, found))
    return {
        "documents": count,
        "dimension": dimension,
        "upserts_per_second": rate,
        "start_to_first_hit_s": reopened,
        "service": service_figures,
        "zvec": zvec_figures,
        "cpu_ms_above_zvec": service_figures["cpu_ms"] - zvec_figures["cpu_ms"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--searches", type=int, default=500)
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    figures = asyncio.run(measure(arguments.documents, arguments.dimension, arguments.searches))
    print(json.dumps(figures, indent=2, default=float))


if __name__ == "__main__":
    main()
