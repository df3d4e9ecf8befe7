"""What the supervisor of a real Triton does when processes die, hang or are in the way."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import numpy as np
import pytest

from sensorium.errors import FailedPrecondition, Unavailable
from sensorium.settings import TritonSettings
from sensorium.triton.canary import ContentCanary
from sensorium.triton.installation import find_installation
from sensorium.triton.launcher import Ports, free_ports, prepare
from sensorium.triton.process import TritonProcess
from sensorium.triton.readiness import Phase, TritonState
from sensorium.triton.supervisor import Supervisor

Canaries = dict[str, ContentCanary]
Processes = Callable[[], dict[str, list[int]]]

SERVER = "tritonserver"
STUB = "triton_python_backend_stub"
GUARD = Path(sys.executable).name
PATIENCE = 30.0
LARGE = {"x": np.ones((1, 1 << 16), np.float32)}  # goes through shared memory


async def reach(supervisor: Supervisor, wanted: Callable[[TritonState], bool]) -> TritonState:
    """Follow the supervisor until it is in a wanted state."""
    async with asyncio.timeout(PATIENCE):
        async for state in supervisor.changes():
            if wanted(state):
                return state
    raise AssertionError("changes never end")


async def serves_again(supervisor: Supervisor) -> bool:
    """Wait for a restart; return whether the model computes."""
    await reach(supervisor, lambda state: state.restarts > 0 and state.phase is Phase.SERVING)
    answers = [await supervisor.infer("double", inputs, ["y"]) for inputs in ({"x": LARGE["x"][:, :3]}, LARGE)]
    return all((answer["y"] == 2).all() for answer in answers)


@pytest.mark.parametrize(
    ("victim", "blow"),
    [(SERVER, signal.SIGKILL), (SERVER, signal.SIGSTOP), (STUB, signal.SIGKILL), (STUB, signal.SIGSTOP)],
)
async def test_triton_serves_again_after(
    victim: str, blow: signal.Signals, settings: TritonSettings, canaries: Canaries, processes: Processes
) -> None:
    async with Supervisor(settings, canaries) as supervisor:
        await supervisor.wait_ready(PATIENCE)
        await supervisor.infer("double", LARGE, ["y"])
        os.kill(processes()[victim][0], blow)
        assert await serves_again(supervisor)


async def test_triton_serves_again_after_its_guard_is_killed(
    settings: TritonSettings, canaries: Canaries, processes: Processes
) -> None:
    async with Supervisor(settings, canaries) as supervisor:
        await supervisor.wait_ready(PATIENCE)
        os.kill(processes()[GUARD][0], signal.SIGKILL)
        assert await serves_again(supervisor)


async def test_while_triton_is_away_nothing_is_ready(
    settings: TritonSettings, canaries: Canaries, processes: Processes
) -> None:
    async with Supervisor(settings, canaries, delay=lambda _: PATIENCE) as supervisor:
        await supervisor.wait_ready(PATIENCE)
        os.kill(processes()[SERVER][0], signal.SIGKILL)
        state = await reach(supervisor, lambda state: state.phase is Phase.DOWN and bool(state.error))
        assert "Started GRPCInferenceService" in state.error
        assert not await supervisor.ready("double")
        with pytest.raises(Unavailable):
            await supervisor.infer("double", {"x": np.ones((1, 3), np.float32)}, ["y"])


PARENT = """
import asyncio, sys
import numpy as np
from sensorium.settings import TritonSettings
from sensorium.triton.supervisor import Supervisor

async def main():
    async with Supervisor(TritonSettings.model_validate_json(sys.stdin.readline()), {}) as supervisor:
        await supervisor.wait_ready(30)
        large = await supervisor.infer("double", {"x": np.ones((1, 1 << 16), np.float32)}, ["y"])
        print("ready", large["y"].all(), file=sys.stderr, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_nothing_outlives_a_killed_parent(settings: TritonSettings, processes: Processes) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as parent:
        assert parent.stdin is not None
        assert parent.stderr is not None
        parent.stdin.write(settings.model_dump_json().encode() + b"\n")
        parent.stdin.flush()
        assert parent.stderr.readline() == b"ready True\n"
        assert {SERVER, STUB} <= processes().keys()
        guard = os.pidfd_open(processes()[GUARD][0])
        parent.kill()
    assert select.select([guard], [], [], PATIENCE)[0], "the guard, which goes last, is still there"
    os.close(guard)


async def test_a_taken_port_is_left_for_another(settings: TritonSettings, canaries: Canaries) -> None:
    def start() -> AbstractAsyncContextManager[TritonProcess]:
        return TritonProcess(prepare(settings, find_installation(settings.environment), offers.pop(0)))

    with socket.create_server(("127.0.0.1", 0)) as taken:
        offers = [Ports(taken.getsockname()[1], free_ports().http, free_ports().metrics), free_ports()]
        async with Supervisor(settings, canaries, start=start) as supervisor:
            state = await supervisor.wait_ready(PATIENCE)
            assert state.restarts == 1
            assert state.ready("double")


async def test_a_missing_environment_is_said_at_once(settings: TritonSettings, tmp_path: Path) -> None:
    absent = settings.model_copy(update={"environment": tmp_path})
    async with Supervisor(absent, {}) as supervisor:
        with pytest.raises(FailedPrecondition, match=r"requirements/triton\.lock"):
            await supervisor.wait_ready(PATIENCE)


async def test_a_triton_that_ends_at_once_is_tried_again_and_its_words_are_kept(
    settings: TritonSettings, tmp_path: Path
) -> None:
    absent = settings.model_copy(update={"model_repository": tmp_path / "absent"})
    async with Supervisor(absent, {}, delay=lambda _: 0.0) as supervisor:
        state = await reach(supervisor, lambda state: state.restarts > 0 and bool(state.error))
        assert "absent" in state.error
        with pytest.raises(Unavailable, match="absent"):
            await supervisor.wait_ready(0.01)
