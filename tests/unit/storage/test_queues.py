"""Queues of a store refuse what they cannot hold, and say when to come back."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection, create_engine, text

from sensorium import context
from sensorium.context import CallContext
from sensorium.errors import DeadlineExceeded, FailedPrecondition, Reason, ResourceExhausted
from sensorium.storage.space import Space
from sensorium.storage.workers import Workers
from sensorium.storage.write_lane import GROUP_SIZE, Terms
from sensorium.storage.writer import Writer


async def test_full_queues_say_when_to_come_back() -> None:
    workers = Workers("test", threads=1, queue=1)
    waiting = asyncio.create_task(workers.run(lambda: None))
    await asyncio.sleep(0)
    with pytest.raises(ResourceExhausted) as refused:
        await workers.run(lambda: None)
    assert refused.value.retry_after
    await waiting
    workers.close()


async def test_full_write_queue_says_when_to_come_back(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'queue.sqlite3'}")
    writer = Writer("test", engine, queue=1)
    waiting = asyncio.create_task(writer.write(lambda _connection: None))
    await asyncio.sleep(0)
    with pytest.raises(ResourceExhausted) as refused:
        await writer.write(lambda _connection: None)
    assert (refused.value.reason, bool(refused.value.retry_after)) == (Reason.QUEUE_FULL, True)
    await waiting
    await writer.close()
    engine.dispose()


def within(seconds: float) -> AbstractContextManager[object]:
    return context.opened(CallContext(deadline=time.monotonic() + seconds))


async def test_a_read_that_would_come_too_late_is_refused_before_it_waits() -> None:
    workers, blocked = Workers("test", threads=1, queue=9), threading.Event()
    await workers.run(lambda: time.sleep(0.05))  # What it learns its pace from.
    waiting = asyncio.create_task(workers.run(blocked.wait))
    await asyncio.sleep(0)
    with within(0.01), pytest.raises(DeadlineExceeded, match="would wait"):
        await workers.run(lambda: None)
    blocked.set()
    await waiting
    workers.close()


async def test_a_read_is_never_refused_for_what_others_took_while_a_thread_is_free() -> None:
    workers = Workers("test", threads=1, queue=9)
    await workers.run(lambda: time.sleep(0.05))
    with within(0.04):
        assert await workers.run(lambda: 7) == 7
    workers.close()


@pytest_asyncio.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    engine = create_engine(f"sqlite:///{tmp_path / 'lanes.sqlite3'}")
    opened = Writer("test", engine, queue=100_000)
    yield opened
    await opened.close()
    engine.dispose()


class Blocker:
    """A change that holds the writer until it is let go."""

    def __init__(self) -> None:
        self.entered, self.released = threading.Event(), threading.Event()

    def __call__(self, _connection: Connection) -> None:
        self.entered.set()
        self.released.wait()


async def held(writer: Writer) -> tuple[Blocker, "asyncio.Task[None]"]:
    blocker = Blocker()
    task = asyncio.create_task(writer.write(blocker))
    await asyncio.to_thread(blocker.entered.wait)
    return blocker, task


async def test_a_write_whose_deadline_passes_while_it_waits_is_not_begun(writer: Writer) -> None:
    blocker, task = await held(writer)
    late = asyncio.create_task(
        writer.write(lambda _connection: pytest.fail("begun"), Terms(1, time.monotonic() + 0.01))
    )
    await asyncio.sleep(0.02)
    blocker.released.set()
    with pytest.raises(DeadlineExceeded, match="waited for its turn"):
        await late
    await task


async def test_a_write_that_would_come_too_late_is_refused_before_it_waits(writer: Writer) -> None:
    await writer.write(lambda _connection: time.sleep(0.05))
    blocker, task = await held(writer)
    with pytest.raises(DeadlineExceeded, match="would take"):
        await writer.write(lambda _connection: None, Terms(1, time.monotonic() + 0.01))
    blocker.released.set()
    await task


async def test_a_change_that_fails_leaves_nothing_of_what_it_wrote(writer: Writer) -> None:
    await writer.write(lambda connection: connection.execute(text("CREATE TABLE notes (word TEXT)")))

    def note(word: str, *, fails: bool = False) -> Callable[[Connection], None]:
        def change(connection: Connection) -> None:
            connection.execute(text("INSERT INTO notes VALUES (:word)"), {"word": word})
            if fails:
                raise FailedPrecondition(f"{word} is refused")

        return change

    def refused_at_once(connection: Connection) -> None:
        connection.execute(text("SELECT count(*) FROM notes"))
        raise FailedPrecondition("refused before anything was written")

    blocker, task = await held(writer)
    changes = (note("one"), note("two", fails=True), refused_at_once, note("three"))
    waiting = [asyncio.create_task(writer.write(change)) for change in changes]
    await asyncio.sleep(0)
    blocker.released.set()
    outcomes = await asyncio.gather(task, *waiting, return_exceptions=True)
    assert [type(each) for each in outcomes[1:]] == [type(None), FailedPrecondition, FailedPrecondition, type(None)]
    rows = await writer.write(lambda connection: connection.execute(text("SELECT word FROM notes")).scalars().all())
    assert rows == ["one", "three"]


async def test_bulk_writes_yield_and_still_get_every_eighth_turn(writer: Writer) -> None:
    blocker, task = await held(writer)
    order: list[str] = []

    def noting(kind: str) -> Callable[[Connection], None]:
        return lambda _connection: order.append(kind)

    # Each makes a transaction of its own.
    waiting = [asyncio.create_task(writer.write(noting("b"), Terms(GROUP_SIZE, bulk=True))) for _ in range(2)]
    waiting += [asyncio.create_task(writer.write(noting("i"), Terms(GROUP_SIZE))) for _ in range(9)]
    await asyncio.sleep(0)
    blocker.released.set()
    await asyncio.gather(task, *waiting)
    assert "".join(order) == "iiiiiiibiib"


async def test_a_disk_with_too_little_room_takes_removals_alone(tmp_path: Path) -> None:
    with pytest.raises(ResourceExhausted) as refused:
        Space(tmp_path, 1 << 62).check()
    assert (refused.value.reason, refused.value.retry_after) == (Reason.STORAGE_FULL, None)
    Space(tmp_path, 1).check()
    Space(tmp_path / "absent", 0).check()
