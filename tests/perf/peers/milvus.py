"""Milvus Lite in the comparison."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from corpus import TOP_K, Corpus
from numpy.typing import NDArray
from pymilvus import DataType, MilvusClient

from peers.engine import Engine


class MilvusEngine(Engine):
    """A collection with an HNSW index; its server is a thread or a child of this process."""

    def __init__(self, corpus: Corpus, client: MilvusClient) -> None:
        super().__init__(corpus)
        self._client = client

    def fill(self) -> None:
        """Write in batches."""
        schema = self._client.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("share", DataType.DOUBLE)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self.corpus.vectors.shape[1])
        self._client.create_collection("bench", schema=schema)
        for rows in self.batches():
            self._client.insert(
                "bench",
                [
                    {"id": row, "share": float(self.corpus.share[row]), "vector": self.corpus.vectors[row]}
                    for row in rows
                ],
            )

    def build(self) -> None:
        """Build the graph."""
        indexes = self._client.prepare_index_params()
        indexes.add_index("vector", index_type="HNSW", metric_type="COSINE", params={"M": 16, "efConstruction": 200})
        self._client.create_index("bench", indexes, timeout=3000)
        self._client.load_collection("bench")

    def search(self, query: NDArray[np.float32], share: float, width: int) -> Sequence[int]:
        """Search over its own gRPC."""
        (hits,) = self._client.search(
            "bench",
            [query],
            filter=f"share < {share}" if share < 1 else "",
            limit=TOP_K,
            search_params={"params": {"ef": width}},
        )
        return [hit["id"] for hit in hits]


@contextmanager
def milvus(folder: Path, corpus: Corpus) -> Iterator[Engine]:
    """Open an empty file."""
    with closing(MilvusClient(str(folder / "milvus.db"))) as client:
        yield MilvusEngine(corpus, client)
