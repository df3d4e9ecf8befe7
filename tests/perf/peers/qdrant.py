"""Qdrant Edge in the comparison: Qdrant's engine within a process."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import qdrant_edge as qd
from corpus import TOP_K, Corpus
from numpy.typing import NDArray

from peers.engine import Engine


class QdrantEngine(Engine):
    """A shard with an HNSW index over INT8 vectors, rescored by the vectors themselves."""

    def __init__(self, corpus: Corpus, shard: "qd.EdgeShard") -> None:
        super().__init__(corpus)
        self._shard = shard

    def fill(self) -> None:
        """Write in batches."""
        self._shard.update(qd.UpdateOperation.create_field_index("share", qd.PayloadSchemaType.Float))
        for rows in self.batches():
            points = [
                qd.Point(row, self.corpus.vectors[row].tolist(), {"share": float(self.corpus.share[row])})
                for row in rows
            ]
            self._shard.update(qd.UpdateOperation.upsert_points(points))
        self._shard.flush()

    def build(self) -> None:
        """Build the graph."""
        self._shard.optimize()

    def search(self, query: NDArray[np.float32], share: float, width: int) -> Sequence[int]:
        """Search; filters are heeded during the walk."""
        conditions = [qd.FieldCondition("share", range=qd.RangeFloat(lt=share))] if share < 1 else []
        request = qd.QueryRequest(
            limit=TOP_K,
            query=qd.Query.Nearest(query.tolist()),
            filter=qd.Filter(must=conditions) if conditions else None,
            params=qd.SearchParams(hnsw_ef=width),
        )
        return [int(str(point.id)) for point in self._shard.query(request)]


@contextmanager
def qdrant(folder: Path, corpus: Corpus) -> Iterator[Engine]:
    """Make a shard."""
    vectors = qd.EdgeVectorParams(size=corpus.vectors.shape[1], distance=qd.Distance.Cosine)
    graph = qd.HnswIndexConfig(m=16, ef_construct=200, full_scan_threshold=1000)
    quantised = qd.ScalarQuantizationConfig(type=qd.ScalarType.Int8, always_ram=True)
    shard = qd.EdgeShard.create(
        str(folder / "shard"), qd.EdgeConfig(vectors=vectors, hnsw_config=graph, quantization_config=quantised)
    )
    try:
        yield QdrantEngine(corpus, shard)
    finally:
        shard.close()
