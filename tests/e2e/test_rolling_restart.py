"""Two replicas of each stateless role are replaced, one after the other, and no call fails."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from role_processes import RoleProcesses, role_processes, wait_serving
from stand_in_process import stand_in_triton
from traffic import COLLECTION, PATIENCE_SECONDS, traffic

from sensorium import Client

STATELESS = ("gateway", "embed", "tag")
CALL_SECONDS = 20.0
SETTLE_SECONDS = 5  # in which callers find a replica that is ready again, as docs/resilience.md asks


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[RoleProcesses]:
    with stand_in_triton(1_000_000) as triton, role_processes(tmp_path, triton.address) as running:
        running.start_all(replicas=("", "2"))
        with Client(running.address) as client:
            client.create_collection(COLLECTION, model="all-minilm-l6-v2")
        yield running


async def replaced(replicas: RoleProcesses, names: Sequence[str]) -> None:
    """Stop processes, start them again, and wait until as many callers are connected as before."""
    old = [replicas.running[name] for name in names]
    callers = [process.connections() for process in old]
    assert await asyncio.gather(*(asyncio.to_thread(process.stop) for process in old)) == [0] * len(names)
    new = [replicas.start_again(name) for name in names]
    await asyncio.to_thread(wait_serving, new)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(process.connections() < count for process, count in zip(new, callers, strict=True)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.sleep(SETTLE_SECONDS)


@pytest.mark.slow
async def test_a_rolling_restart_fails_no_call(replicas: RoleProcesses) -> None:
    async with traffic(replicas.address, CALL_SECONDS) as calls:
        for suffix in ("", "2"):
            await calls.flows()
            # As an operator does: the next replica goes when everybody has found the one before it again.
            await replaced(replicas, [role + suffix for role in STATELESS])
        await calls.flows()
        await calls.check_all_is_there()
        assert calls.errors == {}
