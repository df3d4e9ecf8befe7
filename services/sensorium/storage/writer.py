"""Commits changes on one thread, all that wait in one transaction, so that callers share the price of a commit."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine, event

from sensorium.errors import DeadlineExceeded, ResourceExhausted, SensoriumError
from sensorium.storage.pace import USABLE_SHARE, Pace
from sensorium.storage.write_lane import Change, Terms, Waiting, WriteLane

T = TypeVar("T")
SHORTEST_RETRY_SECONDS = 0.25
_BULK_EVERY = 8


class Writer:
    """The one writer of a store.

    A change that raises one of the project's errors before it has written anything is left out of the transaction. Any
    other error, and one that comes after something was written, rolls the group back, and its changes are then
    committed one by one: of a change that fails nothing stays. Bulk changes wait in a lane of their own; of the
    transactions that begin while both lanes wait, every eighth is bulk.

    Args:
        name: Whose it is; the start of its thread's name.
        engine: Opens write transactions.
        queue: How many rows may wait in one lane; beyond it ResourceExhausted.
    """

    def __init__(self, name: str, engine: Engine, queue: int) -> None:
        self._engine = engine
        self._statements = WrittenStatements(engine)
        self._queue = queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-writer")
        self._lanes = {bulk: WriteLane() for bulk in (False, True)}
        self._since_bulk = 0
        self._pace = Pace()
        self._work: asyncio.Task[None] | None = None

    async def write(self, change: Callable[[Connection], T], terms: Terms | None = None) -> T:
        """Return what `change` returns, once it is durable; without `terms` it has those of the current call.

        A caller that is cancelled while it waits does not take its change back.

        Raises:
            ResourceExhausted: QUEUE_FULL, when too many rows wait.
            DeadlineExceeded: The deadline passed before the change was begun, or would.
        """
        terms = terms or Terms.of_call()
        self._admit(terms)
        results: list[T] = []

        def run(connection: Connection) -> None:
            results[:] = [change(connection)]

        waiting = Waiting(run, terms, asyncio.get_running_loop().create_future())
        self._lanes[terms.bulk].add(waiting)
        if self._work is None:
            self._work = asyncio.create_task(self._commit_all())
        await waiting.committed
        return results[0]

    async def close(self) -> None:
        """Commit what waits, and end the thread."""
        if self._work:
            await self._work
        self._thread.shutdown()

    def _admit(self, terms: Terms) -> None:
        lane = self._lanes[terms.bulk]
        if lane.rows and lane.rows + terms.size > self._queue:
            excess = min(lane.rows, lane.rows + terms.size - self._queue)
            raise ResourceExhausted(
                f"the write queue is full: {lane.rows} rows wait, the limit is {self._queue}",
                metadata={"limit": str(self._queue), "actual": str(lane.rows)},
                retry_after=max(SHORTEST_RETRY_SECONDS, self._pace.seconds_for(excess)),
            )
        if terms.deadline is None:
            return
        ahead = sum(each.rows for bulk, each in self._lanes.items() if terms.bulk or not bulk)
        left, needed = terms.deadline - time.monotonic(), self._pace.seconds_for(ahead + terms.size)
        if ahead and needed > USABLE_SHARE * left:
            raise DeadlineExceeded(f"the write would take about {needed:.1f} s, but {left:.1f} s are left")

    async def _commit_all(self) -> None:
        while (lane := self._next_lane()) is not None:
            group = lane.take_group()
            await self._commit_group(group)
            lane.rows -= sum(each.terms.size for each in group)
        self._work = None

    def _next_lane(self) -> WriteLane | None:
        interactive, bulk = self._lanes[False], self._lanes[True]
        if bulk.waiting and (not interactive.waiting or self._since_bulk >= _BULK_EVERY - 1):
            self._since_bulk = 0
            return bulk
        if interactive.waiting:
            self._since_bulk += bool(bulk.waiting)
            return interactive
        return None

    async def _commit_group(self, group: Sequence[Waiting]) -> None:
        late = {id(each) for each in group if each.terms.late()}
        for each in group:
            if id(each) in late:
                _answer(each.committed, DeadlineExceeded("the deadline passed while the write waited for its turn"))
        wanted = [each for each in group if id(each) not in late]
        if not wanted:
            return
        started = time.monotonic()
        loop = asyncio.get_running_loop()
        errors = await loop.run_in_executor(self._thread, self._commit, [each.change for each in wanted])
        self._pace.record(sum(each.terms.size for each in wanted), time.monotonic() - started)
        for each, error in zip(wanted, errors, strict=True):
            _answer(each.committed, error)

    def _commit(self, changes: list[Change]) -> list[Exception | None]:
        try:
            with self._engine.begin() as connection:
                return [self._run(change, connection) for change in changes]
        except Exception as error:  # Whatever it is, only the change that caused it may see it.
            if len(changes) == 1:
                return [error]
            return [outcome for change in changes for outcome in self._commit([change])]

    def _run(self, change: Change, connection: Connection) -> SensoriumError | None:
        before = self._statements.count
        try:
            change(connection)
        except SensoriumError as error:
            if self._statements.count != before:
                raise
            return error
        return None


class WrittenStatements:
    """Counts the statements of an engine that may have changed something."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "after_cursor_execute", self._executed)

    def _executed(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.count += not statement.startswith("SELECT")


def _answer(committed: "asyncio.Future[None]", error: Exception | None) -> None:
    if committed.done():  # The caller went away.
        return
    if error:
        committed.set_exception(error)
    else:
        committed.set_result(None)
