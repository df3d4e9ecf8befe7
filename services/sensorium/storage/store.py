"""Holds the truth of a service: one SQLite file, one writer, several readers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from sensorium.errors import DataLoss, Unavailable
from sensorium.storage.engine import open_engine
from sensorium.storage.format import bring_up_to_date
from sensorium.storage.owner import Ownership
from sensorium.storage.space import Space, full
from sensorium.storage.workers import Workers
from sensorium.storage.write_lane import Terms
from sensorium.storage.writer import Writer

T = TypeVar("T")
INDEX_READERS = 4


class Store:
    """A store, open while its context is.

    Args:
        name: Whose it is, for threads and messages.
        file: The SQLite file; made when it does not exist.
        migrations: The folder of the migrations that make its tables.
        threads: How many reads run at once.
        queue_reads: How many reads may wait; beyond it ResourceExhausted.
        queue_rows: How many rows may wait to be written, in each lane; beyond it ResourceExhausted.
        min_free_bytes: What is kept free of the disk; beyond it ResourceExhausted.
    """

    def __init__(
        self,
        name: str,
        file: Path,
        migrations: Path,
        *,
        threads: int,
        queue_reads: int,
        queue_rows: int,
        min_free_bytes: int = 0,
    ) -> None:
        self._name = name
        self._space = Space(file.parent, min_free_bytes)
        self._file = file
        self._migrations = migrations
        self._threads = threads
        self._queue_reads = queue_reads
        self._queue_rows = queue_rows
        self._resources = ExitStack()
        self._reading: Engine
        self._readers: Workers
        self._writer: Writer

    async def __aenter__(self) -> Self:
        """Open the file and bring it to this release's format.

        Raises:
            FailedPrecondition: FILE_UNUSABLE: another process works on it, or a later release wrote it.
            DataLoss: It is damaged.
        """
        with ExitStack() as resources:
            resources.enter_context(Ownership(self._file.with_suffix(".lock")))
            writing = open_engine(self._file, begin="BEGIN IMMEDIATE", connections=1)
            resources.callback(writing.dispose)
            self._reading = open_engine(self._file, begin="BEGIN", connections=self._threads + INDEX_READERS)
            resources.callback(self._reading.dispose)
            self._readers = Workers(self._name, self._threads, self._queue_reads)
            resources.callback(self._readers.close)
            await self._readers.run(lambda: bring_up_to_date(writing, self._file, self._migrations))
            self._writer = Writer(self._name, writing, self._queue_rows)
            self._resources = resources.pop_all()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        await self._writer.close()
        self._resources.close()

    async def read(self, read: Callable[[Connection], T]) -> T:
        """Return what `read` returns, run in a thread on one snapshot, which its first statement takes."""

        def run() -> T:
            with self.snapshot() as connection:
                return read(connection)

        return await self._readers.run(run)

    async def write(self, change: Callable[[Connection], T], terms: Terms | None = None) -> T:
        """Return what `change` returns, once it is durable; without `terms` it has those of the current call.

        Raises:
            ResourceExhausted: QUEUE_FULL, or STORAGE_FULL.
            DeadlineExceeded: The change would come too late, and was not begun.
        """
        if not (terms and terms.frees):
            self._space.check()
        with self._explained():
            return await self._writer.write(change, terms)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Give a connection on one snapshot to work that has a thread of its own."""
        with self._explained(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:  # A full disk, a file that went away, a lock that does not end.
            if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL":
                raise full(str(self._file)) from error
            raise Unavailable(f"{self._file}: {error.orig}", metadata={"backend": f"{self._name} store"}) from error
        except DatabaseError as error:
            raise DataLoss(f"{self._file}: {error.orig}", metadata={"file": str(self._file)}) from error
