"""Writes any number of documents by a stream: several batches are under way, what was not answered is sent again."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from sensorium import context
from sensorium.client.calling import Sleep, spread
from sensorium.client.documents import Document
from sensorium.client.upserts import UpsertReport, report_of, to_stored
from sensorium.errors import Cancelled, DeadlineExceeded, ResourceExhausted, SensoriumError, Unavailable
from sensorium.model.document import Document as StoredDocument
from sensorium.model.embedding import Priority
from sensorium.model.names import CollectionName
from sensorium.model.search import UpsertRequest, UpsertResponse
from sensorium.ports import Searcher

UNDER_WAY = 4
FIRST_DELAY = 0.1
_NOTHING_SENT = UpsertResponse(())


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some documents, those of them that can be sent, and why the others cannot, by their place."""

    start: int
    documents: list[Document]
    stored: dict[int, StoredDocument]
    errors: dict[int, SensoriumError]

    def report(self, response: UpsertResponse) -> UpsertReport:
        """Return the outcome of all its documents."""
        return report_of(self.documents, self.start, self.stored, self.errors, response)


class _Turn:
    """One stream: how much it may send, and whether it is over; its requests may be waited for longer than that."""

    def __init__(self, room: int) -> None:
        self._room = asyncio.Semaphore(room)
        self._answered = asyncio.Event()
        self._over = False

    def answered(self) -> None:
        """Take an answer."""
        self._answered.set()

    def settled(self) -> None:
        """Make room for one more batch."""
        self._room.release()

    def end(self) -> None:
        """Let whoever waits go."""
        self._over = True
        self._answered.set()
        self._room.release()

    async def first_answer(self) -> bool:
        """Wait for the first answer; return whether the stream goes on."""
        await self._answered.wait()
        return not self._over

    async def room(self) -> bool:
        """Wait until one more batch may be under way; return whether the stream goes on."""
        await self._room.acquire()
        return not self._over


class _Stopped(Exception):
    """Whoever takes the reports wants no more."""


class BulkWriter:
    """Writes one iterable of documents.

    A stream that breaks is opened again, and goes on with the first batch that was not answered: writing a document
    twice is harmless. It sends no more before that batch is answered, for a server that ends a stream is not heard by
    who is still sending.

    Args:
        searcher: Takes the stream.
        collection: The collection.
        cut: The documents in batches; read as they are sent.
        on_report: Called with the outcome of each batch, in order, as soon as it is durable.
        priority: The lane that embedding waits in.
        timeout: Seconds to wait for the next answer.
        retries: How often the stream is opened again without an answer in between.
        sleep: Waits; for tests.
    """

    def __init__(
        self,
        searcher: Searcher,
        collection: CollectionName,
        cut: Iterator[list[Document]],
        on_report: Callable[[UpsertReport], None],
        *,
        priority: Priority,
        timeout: float,
        retries: int,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._searcher = searcher
        self._collection = collection
        self._cut = cut
        self._on_report = on_report
        self._priority = priority
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._read = 0
        self._answered = 0
        self._pending: deque[_Batch] = deque()
        self._fault: Exception | None = None
        self._stopped = False
        self._turn = _Turn(UNDER_WAY)
        self._clock: asyncio.Timeout

    async def write(self) -> None:
        """Write everything.

        Raises:
            SensoriumError: A whole batch failed, or no answer came; the reported batches are written.
        """
        failures = 0
        while True:
            before = self._answered
            try:
                await self._stream_once()
                break
            except _Stopped:
                break
            except (Unavailable, ResourceExhausted, Cancelled) as error:
                if self._stopped:
                    break
                failures = 1 if self._answered > before else failures + 1
                if failures > self._retries or not _may_pass(error):
                    raise
                delay = FIRST_DELAY * 2 ** (failures - 1) if error.retry_after is None else error.retry_after
            await self._sleep(spread(delay))
        if self._fault:
            raise self._fault

    async def _stream_once(self) -> None:
        """Send what is pending and all that follows, until everything is answered."""
        turn = self._turn = _Turn(UNDER_WAY - len(self._pending))
        try:
            async with asyncio.timeout(None) as self._clock:
                self._wait_anew()
                with context.opened(_open_ended()):
                    async for response in self._searcher.upsert_stream(self._requests(turn)):
                        turn.answered()
                        self._report(response)
                        self._report_unsent()
                        self._wait_anew()
        except TimeoutError:
            message = f"no answer within {self._timeout:g} seconds; {self._answered:,} documents have their outcome"
            raise DeadlineExceeded(message) from None
        finally:
            turn.end()
        if self._pending:
            raise Unavailable("the stream ended before every batch was answered")

    async def _requests(self, turn: _Turn) -> AsyncIterator[UpsertRequest]:
        for batch in tuple(self._pending):
            if batch.stored:
                yield self._request(batch)
                if not await turn.first_answer():
                    return
        while await turn.room() and (following := self._next()):
            self._pending.append(following)
            self._report_unsent()
            self._wait_anew()
            if following.stored:
                yield self._request(following)

    def _next(self) -> _Batch | None:
        """Return the next batch; a fault of the iterable ends it, and is raised when all before it is answered."""
        try:
            documents = next(self._cut, None)
        except Exception as fault:  # gRPC would hide it behind a cancelled call.
            self._fault = fault
            return None
        if documents is None:
            return None
        batch = _Batch(self._read, documents, *to_stored(documents))
        self._read += len(documents)
        return batch

    def _report(self, response: UpsertResponse) -> None:
        """Take the answer to the oldest batch that was sent."""
        batch = self._pending.popleft()
        self._answered += len(batch.documents)
        self._turn.settled()
        try:
            self._on_report(batch.report(response))
        except Exception as fault:  # It is none of the stream's, which would be repeated.
            self._fault = fault
            self._stopped = True
            raise _Stopped from fault

    def _report_unsent(self) -> None:
        """Report the oldest batches of which nothing could be sent."""
        while self._pending and not self._pending[0].stored:
            self._report(_NOTHING_SENT)

    def _wait_anew(self) -> None:
        """Start to wait for the next answer, or for nothing when none is due."""
        now = asyncio.get_running_loop().time()
        self._clock.reschedule(now + self._timeout if self._pending else None)

    def _request(self, batch: _Batch) -> UpsertRequest:
        return UpsertRequest(self._collection, tuple(batch.stored.values()), priority=self._priority)


def _may_pass(error: SensoriumError) -> bool:
    """Return whether a repeat may succeed: a limit without a delay stays a limit."""
    return not isinstance(error, ResourceExhausted) or error.retry_after is not None


def _open_ended() -> context.CallContext:
    """Return the context of a stream, which may last; within the caller's own when there is one."""
    outer = context.current()
    return context.CallContext(outer.request_id, outer.deadline) if outer else context.CallContext()
