"""Holds the truth of the search service: one SQLite file, one writer, several readers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from sensorium.errors import DataLoss, Unavailable
from sensorium.search.owner import Ownership
from sensorium.search.workers import Workers
from sensorium.search.writer import Writer
from sensorium.storage.engine import open_engine
from sensorium.storage.format import bring_up_to_date

T = TypeVar("T")
INDEX_READERS = 4
MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """A search store, open while its context is.

    Args:
        file: The SQLite file; made when it does not exist.
        threads: How many reads run at once.
        queue_reads: How many reads may wait; beyond it ResourceExhausted.
        queue_documents: How many documents may wait to be written; beyond it ResourceExhausted.
    """

    def __init__(self, file: Path, *, threads: int, queue_reads: int, queue_documents: int) -> None:
        self._file = file
        self._threads = threads
        self._queue_reads = queue_reads
        self._queue_documents = queue_documents
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
            self._readers = Workers("search", self._threads, self._queue_reads)
            resources.callback(self._readers.close)
            await self._readers.run(lambda: bring_up_to_date(writing, self._file, MIGRATIONS))
            self._writer = Writer(writing, self._queue_documents)
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

    async def write(self, change: Callable[[Connection], T], size: int = 1) -> T:
        """Return what `change` of `size` documents returns, once it is durable."""
        with self._explained():
            return await self._writer.write(change, size)

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
            raise Unavailable(f"{self._file}: {error.orig}", metadata={"backend": "search store"}) from error
        except DatabaseError as error:
            raise DataLoss(f"{self._file}: {error.orig}", metadata={"file": str(self._file)}) from error
