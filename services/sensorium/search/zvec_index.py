"""The embedded vector index: zvec's HNSW graph over INT8 vectors, with exact distances for the hits.

Measured for zvec 0.8 (docs/storage.md): cosine scores are distances, Euclidean ones squared; a write takes at most
1,024 documents; NaN is accepted, so nothing may bring one here; an upsert of a present key hides it for a moment from
searches, so keys are only ever inserted; a small flat part ranks by INT8 alone unless more candidates are asked for.
"""

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import structlog
import zvec
from numpy.typing import NDArray

from sensorium.filters.python import Record
from sensorium.filters.tree import EVERYTHING, Filter
from sensorium.model.vector import Metric
from sensorium.search import stamp
from sensorium.search.geometry import unit, unit_rows
from sensorium.search.index import IndexUnusable, Keys, Nearest, Vectors, VectorSpace
from sensorium.search.zvec_columns import ZvecColumns

log = structlog.get_logger(__name__)

ENGINE = f"zvec {version('zvec')}"
FIELD = "dense"
WRITE_SIZE = 1024
# Up to this many vectors an exact scan costs no more than a walk through the graph.
EXACT_BELOW = 1024
# With a filter a scan of what matches pays for longer (docs/filters.md).
FILTERED_EXACT_BELOW = 100_000
FILTERED_EXACT_SHARE = 0.1
# How many candidates a walk looks at: from, to, and one for so many vectors. With a filter it must look farther, above
# all when what matches lies apart from the query.
WALK = (64, 512, 2_000)
WIDEST = 2048  # zvec fails beyond it
FILTERED_WALK = (512, WIDEST, 500)
WIDE_DIMENSION = 1024

_METRICS = {
    Metric.COSINE: zvec.MetricType.COSINE,
    Metric.DOT: zvec.MetricType.IP,
    Metric.EUCLIDEAN: zvec.MetricType.L2,
}
_SCORES: dict[Metric, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    Metric.COSINE: lambda distance: np.clip(1 - distance, -1, 1),
    Metric.DOT: lambda product: product,
    Metric.EUCLIDEAN: lambda square: -np.sqrt(np.maximum(square, 0)),
}


@contextmanager
def _reported() -> Iterator[None]:
    """Turn what zvec raises into IndexUnusable."""
    try:
        yield
    except (RuntimeError, ValueError, AttributeError, OSError) as error:
        raise IndexUnusable(f"{type(error).__name__}: {error}") from error


class ZvecIndex:
    """One zvec collection with its stamp.

    Args:
        collection: The open zvec collection.
        directory: Where it lies; the stamp lies beside it.
        space: What it is for.
        applied_seq: The sequence number up to which its files hold every change.
    """

    def __init__(self, collection: zvec.Collection, directory: Path, space: VectorSpace, applied_seq: int) -> None:
        self._collection = collection
        self._directory = directory
        self._space = space
        self._columns = ZvecColumns(space.attributes)
        self._applied_seq = applied_seq
        self._wider = 2 if space.dimension > WIDE_DIMENSION else 1
        self._optimising = threading.Lock()

    @property
    @_reported()
    def count(self) -> int:
        """How many keys it holds."""
        return int(self._collection.stats.doc_count)

    @property
    @_reported()
    def pending(self) -> int:
        """How many keys are not in the graph yet."""
        stats = self._collection.stats
        return round(stats.doc_count * (1 - stats.index_completeness[FIELD]))

    @property
    def applied_seq(self) -> int:
        """The sequence number up to which its files hold every change."""
        return self._applied_seq

    @_reported()
    def upsert(self, keys: Keys, vectors: Vectors, records: Sequence[Record]) -> None:
        """Hold `vectors` and `records` under `keys`."""
        rows = unit_rows(vectors) if self._space.metric is Metric.COSINE else vectors
        for start in range(0, len(keys), WRITE_SIZE):
            part = slice(start, start + WRITE_SIZE)
            given = zip(keys[part].tolist(), rows[part], records[part], strict=True)
            batch = [
                zvec.Doc(id=str(key), vectors={FIELD: row}, fields=self._columns.values(record))
                for key, row, record in given
            ]
            _check(self._collection.upsert(batch), missing_is_fine=False)

    @_reported()
    def delete(self, keys: Keys) -> None:
        """Drop `keys`."""
        for start in range(0, len(keys), WRITE_SIZE):
            batch = [str(key) for key in keys[start : start + WRITE_SIZE].tolist()]
            _check(self._collection.delete(batch), missing_is_fine=True)

    def search(self, query: NDArray[np.float32], top_k: int, part: Filter = EVERYTHING) -> Nearest:
        """Return the nearest to `query` of those that satisfy `part`; without a filter min(top_k, count) of them.

        Parts of a graph can be out of reach, so an exact scan stands in when the walk brings too few.
        """
        expression = self._columns.filters.expression(part)
        count = self.count
        wanted = min(top_k, count)
        if not wanted:
            return Nearest(np.empty(0, np.int64), np.empty(0, np.float32))
        if count <= EXACT_BELOW:
            return self._query(query, wanted, expression, candidates=count, exact=True)
        candidates = max(self._width(count, filtered=bool(expression)), 2 * wanted)
        if expression and count <= FILTERED_EXACT_BELOW:
            return self._query(query, wanted, expression, candidates, exact=True)
        found = self._query(query, wanted, expression, candidates, exact=False)
        if len(found.keys) == wanted:
            return found
        return self._query(query, wanted, expression, candidates, exact=True)

    def matching(self, part: Filter, limit: int) -> Keys:
        """Return the keys that satisfy `part`, up to `limit`."""
        expression = self._columns.filters.expression(part)
        with _reported():
            hits = self._collection.query(filter=expression or None, topk=limit, output_fields=[])
        return np.array([int(hit.id) for hit in hits], np.int64)

    @_reported()
    def optimise(self) -> None:
        """Build the graph over what was added, and drop what was deleted."""
        with self._optimising:
            self._collection.optimize()

    @_reported()
    def flush(self, applied_seq: int) -> None:
        """Bring all to disk, and stamp it; while files come and go in `optimise` the older stamp stays."""
        if not self._optimising.acquire(blocking=False):
            return
        try:
            self._collection.flush()
            self._stamp(applied_seq, whole=False)
        finally:
            self._optimising.release()

    @_reported()
    def close(self) -> None:
        """Let go of the files, and stamp them as whole."""
        with self._optimising:
            self._collection.close()
        self._stamp(self._applied_seq, whole=True)

    def _width(self, count: int, *, filtered: bool) -> int:
        least, most, share = FILTERED_WALK if filtered else WALK
        return self._wider * min(max(least, count // share), most)

    @_reported()
    def _query(
        self, query: NDArray[np.float32], wanted: int, expression: str, candidates: int, *, exact: bool
    ) -> Nearest:
        vector = unit(query) if self._space.metric is Metric.COSINE else query
        how = zvec.HnswQueryParam(
            ef=min(candidates, WIDEST),
            is_linear=exact,
            is_using_refiner=True,
            scale_factor=max(candidates / wanted, 1),
        )
        hits = self._collection.query(
            zvec.Query(FIELD, vector=vector, param=how), topk=wanted, filter=expression or None, output_fields=[]
        )
        keys = np.array([int(hit.id) for hit in hits], np.int64)
        return Nearest(keys, _SCORES[self._space.metric](np.array([hit.score for hit in hits], np.float32)))

    def _stamp(self, applied_seq: int, *, whole: bool) -> None:
        files = _files(self._directory)
        stamp.sync_tree(files)
        marks = stamp.fingerprints(files) if whole else {}
        stamp.write(_stamp_file(self._directory), stamp.Stamp(ENGINE, repr(self._space), applied_seq, marks))
        self._applied_seq = applied_seq


class ZvecIndexes:
    """Keeps the index of each collection in a directory of its own.

    Args:
        directory: Holds a directory for each collection, named by its uid.
        optimise_threads: Threads that build graphs, over all collections of the process.
        search_threads: Threads that search, likewise.
    """

    def __init__(self, directory: Path, *, optimise_threads: int, search_threads: int) -> None:
        self._directory = directory
        self._threads = (optimise_threads, search_threads)

    def open(self, space: VectorSpace) -> ZvecIndex:
        """Return the index of `space`, an empty one when there is none that can be used."""
        _initialise(*self._threads)
        directory = self._directory / space.uid
        fault = "there is none"
        if directory.exists():
            try:
                return self._reopen(directory, space)
            except IndexUnusable as error:
                fault = str(error)
        log.info("index_made_anew", collection=space.uid, because=fault)
        return self._make(directory, space)

    def discard(self, uid: str) -> None:
        """Remove the files of the index of collection `uid`."""
        shutil.rmtree(self._directory / uid, ignore_errors=True)

    def retain(self, uids: set[str]) -> None:
        """Remove the files of all indexes but these."""
        if self._directory.exists():
            for uid in {path.name for path in self._directory.iterdir()} - uids:
                self.discard(uid)

    @_reported()
    def _reopen(self, directory: Path, space: VectorSpace) -> ZvecIndex:
        found = stamp.read(_stamp_file(directory))
        if found is None:
            raise IndexUnusable("its stamp is missing or cannot be read")
        if (found.engine, found.space) != (ENGINE, repr(space)):
            raise IndexUnusable(f"it is of {found.engine} for {found.space}")
        if found.files and found.files != stamp.fingerprints(_files(directory)):
            raise IndexUnusable("its files are damaged")
        # From the first write on, the files are no longer what the stamp says.
        stamp.write(_stamp_file(directory), stamp.Stamp(ENGINE, repr(space), found.applied_seq))
        return ZvecIndex(zvec.open(str(_files(directory))), directory, space, found.applied_seq)

    @_reported()
    def _make(self, directory: Path, space: VectorSpace) -> ZvecIndex:
        self.discard(space.uid)
        directory.mkdir(parents=True)
        collection = zvec.create_and_open(str(_files(directory)), _schema(space))
        index = ZvecIndex(collection, directory, space, 0)
        index.flush(0)
        return index


def _files(directory: Path) -> Path:
    return directory / "zvec"


def _stamp_file(directory: Path) -> Path:
    return directory / "stamp.json"


def _schema(space: VectorSpace) -> zvec.CollectionSchema:
    graph = zvec.HnswIndexParam(_METRICS[space.metric], m=16, ef_construction=200, quantize_type=zvec.QuantizeType.INT8)
    vectors = zvec.VectorSchema(FIELD, zvec.DataType.VECTOR_FP32, space.dimension, graph)
    return zvec.CollectionSchema("documents", fields=ZvecColumns(space.attributes).schemas(), vectors=vectors)


@cache
def _initialise(optimise_threads: int, search_threads: int) -> None:
    try:
        zvec.init(
            log_level=zvec.LogLevel.FATAL,
            brute_force_by_keys_ratio=FILTERED_EXACT_SHARE,
            optimize_threads=optimise_threads,
            query_threads=search_threads,
        )
    except RuntimeError:
        log.info("zvec_was_initialised_before")


def _check(statuses: list[zvec.Status], *, missing_is_fine: bool) -> None:
    for status in statuses:
        if not (status.ok() or (missing_is_fine and status.code().name == "NOT_FOUND")):
            raise IndexUnusable(status.message())
