"""Keeps one collection's index level with the store: after a write, after a crash, and from nothing, in one way."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import structlog

from sensorium.errors import Unavailable
from sensorium.search import changes, collections
from sensorium.search.collections import StoredCollection
from sensorium.search.index import Indexes, IndexUnusable, VectorIndex, VectorSpace
from sensorium.storage.store import Store

log = structlog.get_logger(__name__)
CHUNK = 4096
REPORT_SECONDS = 5.0
Report = Callable[[int], None]


def to_nobody(_done: int) -> None:
    """Pass over a report."""


class Follower:
    """An index and how far it is. All methods block; `catch_up` may be called by several threads.

    Args:
        store: The truth.
        indexes: Opens the index.
        stored: The collection.
        flush_after: Changes after which the index is flushed, which bounds what a crash leaves to do again.
        report: Told how many documents were taken since the last report, while the index is opened and brought level;
            what it raises ends that work.
    """

    def __init__(
        self, store: Store, indexes: Indexes, stored: StoredCollection, *, flush_after: int, report: Report = to_nobody
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._stored = stored
        self._flush_after = flush_after
        self._report = report
        collection = stored.collection
        self._space = VectorSpace(stored.index_uid, collection.dimension, collection.metric, collection.attributes)
        self._attributes = tuple(each.field for each in collection.attributes)
        self._applying = threading.Lock()
        self._applied = 0
        self._unflushed = 0
        self._unoptimised = 0
        self.index: VectorIndex

    @property
    def applied_seq(self) -> int:
        """The sequence number up to which searches see every change."""
        return self._applied

    @property
    def flushed_seq(self) -> int:
        """The sequence number up to which the index's files hold every change."""
        return self.index.applied_seq

    @property
    def unoptimised(self) -> int:
        """How many changes came since the index was optimised, with what was left to do when it was opened."""
        return self._unoptimised

    def open(self, most: int | None = None) -> bool:
        """Open the index and bring it level; make it anew when it does not agree with the store.

        Return False when it would have to take more than `most` documents: `bring_level` lets it.

        Raises:
            Unavailable: A new one cannot be made either.
        """
        try:
            return self._open(most)
        except IndexUnusable as error:
            return self._open_anew(most, error)

    def bring_level(self) -> None:
        """Let an open index take all that it lacks; make it anew when it does not agree with the store.

        Raises:
            Unavailable: A new one cannot be made either.
        """
        try:
            with self._closed_on_fault():
                self._level()
        except IndexUnusable as error:
            self._open_anew(None, error)

    def catch_up(self, seq: int) -> None:
        """Apply all changes up to `seq` at least."""
        with self._applying:
            if self._applied < seq:
                self._apply(to_nobody)

    def optimise(self) -> None:
        """Make searches faster; blocks long."""
        self._unoptimised = 0
        self.index.optimise()
        with self._applying:
            self.index.flush(self._applied)

    def close(self) -> None:
        """Flush and let go of the index."""
        with self._applying:
            self.index.flush(self._applied)
            self.index.close()

    def _open_anew(self, most: int | None, because: IndexUnusable) -> bool:
        log.warning("index_rebuilt", collection=self._space.uid, because=str(because))
        self._indexes.discard(self._space.uid)
        try:
            return self._open(most)
        except IndexUnusable as error:
            raise Unavailable(
                f"the vector index of {self._space.uid} cannot be made: {error}", metadata={"backend": "vector index"}
            ) from error

    def _open(self, most: int | None) -> bool:
        self.index = self._indexes.open(self._space)
        with self._closed_on_fault():
            self._applied = self.index.applied_seq
            self._unoptimised = self.index.pending
            self._check_history()
            near = most is None or not self._lacks_more_than(most)
            if near:
                self._level()
            return near

    def _level(self) -> None:
        with self._applying:
            self._apply(self._report)
        self._check_count()

    def _lacks_more_than(self, count: int) -> bool:
        with self._store.snapshot() as connection:
            return changes.more_than(connection, self._stored.key, after=self._applied, count=count)

    @contextmanager
    def _closed_on_fault(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with suppress(IndexUnusable):
                self.index.close()
            raise

    def _check_history(self) -> None:
        with self._store.snapshot() as connection:
            now = collections.by_key(connection, self._stored.key)
        if self._applied > now.last_seq or 0 < self._applied < now.pruned_seq:
            raise IndexUnusable(f"it is at {self._applied}, the store at {now.pruned_seq} to {now.last_seq}")

    def _check_count(self) -> None:
        with self._store.snapshot() as connection:
            stored = collections.by_key(connection, self._stored.key)
        if self._applied < stored.last_seq:
            return
        if self.index.count != stored.collection.document_count:
            raise IndexUnusable(f"it holds {self.index.count} of {stored.collection.document_count} documents")

    def _apply(self, report: Report) -> None:
        reported = time.monotonic()
        done = 0
        complete = False
        while not complete:
            with self._store.snapshot() as connection:
                batch = changes.read(
                    connection,
                    self._stored.key,
                    dimension=self._space.dimension,
                    attributes=self._attributes,
                    after=self._applied,
                    limit=CHUNK,
                )
            self.index.upsert(batch.keys, batch.vectors, batch.records)
            self.index.delete(batch.dead)
            self._applied, complete = batch.upto, batch.complete
            count = len(batch.keys) + len(batch.dead)
            done += count
            self._unflushed += count
            self._unoptimised += count
            self._flush_if_due()
            report(len(batch.keys))
            if time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                log.info("index_catches_up", collection=self._space.uid, done=done, applied_seq=self._applied)

    def _flush_if_due(self) -> None:
        if self._unflushed >= self._flush_after:
            self.index.flush(self._applied)
            self._unflushed = 0
