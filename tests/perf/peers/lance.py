"""LanceDB in the comparison."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from corpus import TOP_K, Corpus
from numpy.typing import NDArray

from peers.engine import Engine


class LanceEngine(Engine):
    """A table with an HNSW index over scalar-quantised vectors, refined by the vectors themselves."""

    def __init__(self, corpus: Corpus, database: Any) -> None:
        super().__init__(corpus)
        self._database = database
        self._table: Any = None

    def fill(self) -> None:
        """Write in large batches, as its documentation advises."""
        vectors = self.corpus.vectors
        flat = pa.array(vectors.reshape(-1))
        columns = {
            "id": pa.array(np.arange(len(vectors))),
            "share": pa.array(self.corpus.share),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
        self._table = self._database.create_table("bench", pa.table(columns))

    def build(self) -> None:
        """Build both indexes."""
        self._table.create_index(metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1, m=16, ef_construction=200)
        self._table.create_scalar_index("share")

    def search(self, query: NDArray[np.float32], share: float, width: int) -> Sequence[int]:
        """Search; filters go before the walk."""
        asked = (
            self._table.search(query)
            .metric("cosine")
            .ef(width)
            .refine_factor(2)
            .limit(TOP_K)
            .select(["id", "_distance"])
        )
        if share < 1:
            asked = asked.where(f"share < {share}", prefilter=True)
        found: list[int] = asked.to_arrow()["id"].to_pylist()
        return found


@contextmanager
def lance(folder: Path, corpus: Corpus) -> Iterator[Engine]:
    """Open an empty database."""
    yield LanceEngine(corpus, lancedb.connect(str(folder)))
