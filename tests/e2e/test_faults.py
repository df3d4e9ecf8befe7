"""Every role killed, stopped, slowed and cut off under load: clear errors, no lost write, and recovery by itself."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from faulty_proxy import FaultyProxy, Weather, faulty_proxy
from mesh_process import MeshProcess
from role_processes import RoleProcesses, role_processes
from stand_in_process import StandInProcess, stand_in_triton
from traffic import COLLECTION, Traffic, traffic

from sensorium import Client

TOKENS_PER_SECOND = 1_000_000
CLEAR = {"Unavailable", "DeadlineExceeded"}
# What calls of each kind need.
HIT_BY = {
    "embed": ("write", "search", "tag", "embed stream", "write stream"),
    "search": ("write", "search", "write stream"),
    "tag": ("tag",),
    "gateway": ("write", "search", "tag", "embed stream", "write stream"),
    "triton": ("tag", "embed stream"),
}


@pytest.fixture(scope="module")
def triton() -> Iterator[StandInProcess]:
    with stand_in_triton(TOKENS_PER_SECOND) as running:
        yield running


@pytest.fixture(scope="module")
def roles(tmp_path_factory: pytest.TempPathFactory, triton: StandInProcess) -> Iterator[RoleProcesses]:
    with role_processes(tmp_path_factory.mktemp("roles"), triton.address) as running:
        running.start_all()
        with Client(running.address) as client:
            client.create_collection(COLLECTION, model="all-minilm-l6-v2")
        yield running


@pytest.fixture(scope="module")
def proxies(roles: RoleProcesses) -> Iterator[list[FaultyProxy]]:
    """Stand between `gateway_proxied` and each role that it calls."""
    search, embed, tag = (roles.running[role].grpc_address for role in ("search", "embed", "tag"))
    with faulty_proxy(search) as to_search, faulty_proxy(embed) as to_embed, faulty_proxy(tag) as to_tag:
        targets = {
            "SENSORIUM_SEARCH__TARGET": to_search.address,
            "SENSORIUM_EMBED__TARGET": to_embed.address,
            "SENSORIUM_TAG__TARGET": to_tag.address,
        }
        roles.start("proxied", "gateway", **targets).wait_serving()
        yield [to_search, to_embed, to_tag]


async def recovers(calls: Traffic) -> None:
    """Wait until calls of every kind are answered again; nothing that was acknowledged may be missing."""
    await calls.flows()
    assert calls.codes <= CLEAR, calls.errors
    await calls.check_all_is_there()


@contextmanager
def stopped(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """Hold a process still for the body."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


async def serving(process: MeshProcess) -> None:
    await asyncio.to_thread(process.wait_serving)


@pytest.mark.parametrize(
    "role", ["search", *(pytest.param(role, marks=pytest.mark.slow) for role in ("gateway", "embed", "tag"))]
)
async def test_a_role_that_is_killed_costs_no_acknowledged_write(roles: RoleProcesses, role: str) -> None:
    async with traffic(roles.address) as calls:
        roles.running[role].stop(signal.SIGKILL)
        await calls.fails(*HIT_BY[role])
        await serving(roles.start_again(role))
        await recovers(calls)


@pytest.mark.parametrize("role", ["gateway", "embed", "tag", "search", "triton"])
async def test_a_role_that_hangs_is_noticed_and_taken_back(
    roles: RoleProcesses, triton: StandInProcess, role: str
) -> None:
    process = triton.process if role == "triton" else roles.running[role].process
    async with traffic(roles.address) as calls:
        with stopped(process):
            await calls.fails(*HIT_BY[role])
        await recovers(calls)


async def test_calls_fail_at_once_when_a_role_has_hung_for_a_while(roles: RoleProcesses) -> None:
    async with traffic(roles.address, seconds=20) as calls:
        with stopped(roles.running["search"].process):
            # Long before the deadline, as pings stay without an answer.
            await calls.fails("search")
            assert {type(error).__name__ for error in calls.errors["search"]} == {"Unavailable"}
        await recovers(calls)


@pytest.mark.parametrize("weather", [Weather(delay=3), Weather(swallows=True)], ids=["slow", "half-open"])
async def test_slow_and_half_open_backends_end_calls_by_their_deadline(
    roles: RoleProcesses, proxies: list[FaultyProxy], weather: Weather
) -> None:
    async with traffic(roles.running["proxied"].grpc_address) as calls:
        for proxy in proxies:
            proxy.weather = weather
        await calls.fails(*HIT_BY["gateway"])
        for proxy in proxies:
            proxy.weather = Weather()
        await recovers(calls)


async def test_connections_that_are_cut_are_made_again(roles: RoleProcesses, proxies: list[FaultyProxy]) -> None:
    async with traffic(roles.running["proxied"].grpc_address) as calls:
        for _ in range(10):
            for proxy in proxies:
                proxy.cut()
            await asyncio.sleep(0.05)
        await recovers(calls)


async def test_a_triton_that_is_killed_is_found_again(roles: RoleProcesses, triton: StandInProcess) -> None:
    async with traffic(roles.address) as calls:
        triton.process.kill()
        await asyncio.to_thread(triton.process.wait)
        await calls.fails(*HIT_BY["triton"])
        with stand_in_triton(TOKENS_PER_SECOND, int(triton.address.rpartition(":")[2])):
            await recovers(calls)
