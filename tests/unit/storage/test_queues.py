"""Queues of a store refuse what they cannot hold, and say when to come back."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from sensorium.errors import Reason, ResourceExhausted
from sensorium.storage.workers import Workers
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
