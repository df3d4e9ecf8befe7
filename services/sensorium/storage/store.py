"""Holds the truth of a service: one database, one writer in a process, several readers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from sensorium.errors import DataLoss, Unavailable
from sensorium.storage.database import Database
from sensorium.storage.format import bring_up_to_date
from sensorium.storage.space import full
from sensorium.storage.workers import Workers
from sensorium.storage.write_lane import Terms
from sensorium.storage.writer import Writer

T = TypeVar("T")
INDEX_READERS = 4


class Store:
    """A store, open while its context is.

    Args:
        name: Whose it is, for threads and messages.
        database: Where it is kept.
        migrations: The folder of the migrations that make its tables.
        threads: How many reads run at once.
        queue_reads: How many reads may wait; beyond it ResourceExhausted.
        queue_rows: How many rows may wait to be written, in each lane; beyond it ResourceExhausted.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        migrations: Path,
        *,
        threads: int,
        queue_reads: int,
        queue_rows: int,
    ) -> None:
        self._name = name
        self._database = database
        self._migrations = migrations
        self._threads = threads
        self._queue_reads = queue_reads
        self._queue_rows = queue_rows
        self._resources = ExitStack()
        self._reading: Engine
        self._readers: Workers
        self._writer: Writer

    async def __aenter__(self) -> Self:
        """Open the database and bring it to this release's format.

        Raises:
            FailedPrecondition: FILE_UNUSABLE: another process works on it, or a later release wrote it.
            DataLoss: It is damaged.
            Unavailable: Its server does not answer.
        """
        with self._explained(), ExitStack() as resources:
            await asyncio.to_thread(resources.enter_context, self._database.owned())
            writing = await asyncio.to_thread(self._database.writing)
            resources.callback(writing.dispose)
            self._reading = self._database.reading(self._threads + INDEX_READERS)
            resources.callback(self._reading.dispose)
            self._readers = Workers(self._name, self._threads, self._queue_reads)
            resources.callback(self._readers.close)
            await self._readers.run(lambda: bring_up_to_date(writing, self._database.place, self._migrations))
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
            self._database.check_space()
        with self._explained():
            return await self._writer.write(change, terms)

    @asynccontextmanager
    async def reserved(self, task: str) -> AsyncIterator[bool]:
        """Give whether `task` is this process's during the body; while another process does it, it is not."""
        held = ExitStack()

        def reserve() -> bool:
            with self._explained():
                return held.enter_context(self._database.reserved(task))

        reserving = asyncio.create_task(asyncio.to_thread(reserve))
        try:
            yield await asyncio.shield(reserving)
        finally:
            await asyncio.gather(reserving, return_exceptions=True)
            await asyncio.to_thread(held.close)

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
            place = self._database.place
            if self._database.is_full(error):
                raise full(place) from error
            raise Unavailable(f"{place}: {error.orig}", metadata={"backend": f"{self._name} store"}) from error
        except DatabaseError as error:
            place = self._database.place
            raise DataLoss(f"{place}: {error.orig}", metadata={"file": place}) from error
