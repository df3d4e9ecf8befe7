"""How models fare on one real Triton: good ones serve, whatever happens to the others, and errors are told apart."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import structlog

from sensorium import context
from sensorium.errors import DeadlineExceeded, Internal, NotFound, Reason, ResourceExhausted, Unavailable
from sensorium.settings import TritonSettings
from sensorium.triton.canary import ContentCanary
from sensorium.triton.readiness import Phase
from sensorium.triton.supervisor import Supervisor

pytestmark = pytest.mark.asyncio(loop_scope="module")
MODELS = ("double", "plain", "zeros", "broken", "mistyped", "absent", "slow")
LONG = {"x": np.ones((1, 2000), np.float32)}


@pytest.fixture(scope="module", autouse=True)
def log() -> list[dict[str, object]]:
    """Every event that is logged while the module's Triton runs."""
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[capture])
    return capture.entries  # type: ignore[return-value]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def triton(
    settings: TritonSettings, canaries: dict[str, ContentCanary], log: list[dict[str, object]]
) -> AsyncIterator[Supervisor]:
    calm = {"models": MODELS, "canary_interval_seconds": 600, "probe_interval_seconds": 5}
    async with Supervisor(settings.model_copy(update=calm), canaries) as supervisor:
        await supervisor.wait_ready(60)
        yield supervisor


def within(seconds: float):  # type: ignore[no-untyped-def]
    return context.opened(context.CallContext(deadline=time.monotonic() + seconds))


def regions() -> list[Path]:
    return list(Path("/dev/shm").glob(f"sensorium-triton-*-{os.getpid()}-*-input-*"))


@pytest.mark.parametrize("model", ["double", "plain"])
async def test_good_models_serve_beside_bad_ones(triton: Supervisor, model: str) -> None:
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    answer = await triton.infer(model, {"x": x}, ["y"])
    assert await triton.ready(model)
    assert answer["y"].tolist() == (2 * x).tolist()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("broken", "INVALID_PROTOBUF"),
        ("mistyped", r"config\.pbtxt says input 'x' is TYPE_INT64, the graph has"),
        ("absent", "absent"),
        ("zeros", "answers with a y of length 0"),
    ],
)
async def test_a_bad_model_is_reported_with_its_reason(triton: Supervisor, model: str, reason: str) -> None:
    state = triton.state.models[model]
    assert triton.state.phase is Phase.SERVING
    assert not await triton.ready(model)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(state.error)


async def test_concurrent_requests_are_joined_and_split_right(triton: Supervisor) -> None:
    arrays = [np.full((1 + i % 3, 4 + i % 2), i, np.float32) for i in range(64)]
    answers = await asyncio.gather(
        *(triton.infer("double", {"x": x}, ["y"], priority=1 + i % 2) for i, x in enumerate(arrays))
    )
    assert all(np.array_equal(answer["y"], 2 * x) for answer, x in zip(answers, arrays, strict=True))


async def test_tensors_larger_than_the_first_shared_memory_go_through(triton: Supervisor) -> None:
    x = np.random.default_rng(7).random((32, 100_000), np.float32)
    answer = await triton.infer("double", {"x": x}, ["y"])
    assert np.array_equal(answer["y"], 2 * x)


async def test_large_tensors_of_many_calls_reach_triton_through_shared_memory(triton: Supervisor) -> None:
    arrays = [np.full((1 + i % 3, 50_000), i, np.float32) for i in range(16)]
    answers = await asyncio.gather(*(triton.infer("double", {"x": x}, ["y"]) for x in arrays))
    assert all(np.array_equal(answer["y"], 2 * x) for answer, x in zip(answers, arrays, strict=True))
    assert regions()


async def test_an_unknown_model_is_not_found(triton: Supervisor) -> None:
    with pytest.raises(NotFound) as caught:
        await triton.infer("nobody", {"x": np.ones((1, 3), np.float32)}, ["y"])
    assert caught.value.reason is Reason.MODEL_NOT_FOUND


async def test_a_model_that_did_not_load_is_unavailable(triton: Supervisor) -> None:
    with pytest.raises(Unavailable) as caught:
        await triton.infer("broken", {"x": np.ones((1, 3), np.float32)}, ["y"])
    assert caught.value.reason is Reason.MODEL_NOT_READY


@pytest.mark.parametrize(
    "inputs",
    [
        {"x": np.ones(3, np.float32)},
        {"x": np.ones((65, 3), np.float32)},
        {"x": np.ones((1, 3), np.int64)},
        {"z": LONG["x"]},
    ],
    ids=["rank", "batch", "dtype", "name"],
)
async def test_a_wrong_tensor_is_our_own_fault(triton: Supervisor, inputs: dict[str, np.ndarray]) -> None:
    with pytest.raises(Internal):
        await triton.infer("double", inputs, ["y"])


async def test_a_full_queue_refuses_and_says_when_to_come_again(triton: Supervisor) -> None:
    calls = (triton.infer("slow", LONG, ["y"]) for _ in range(8))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ResourceExhausted)]
    assert refused
    assert all(answer.retry_after for answer in refused)
    assert len(refused) + sum(isinstance(answer, dict) for answer in answers) == 8


async def test_a_deadline_ends_a_call_that_runs_and_one_that_waits(triton: Supervisor) -> None:
    async def call(seconds: float) -> None:
        with within(seconds):
            await triton.infer("slow", LONG, ["y"])

    answers = await asyncio.gather(call(0.05), call(0.05), return_exceptions=True)
    assert [type(answer) for answer in answers] == [DeadlineExceeded, DeadlineExceeded]


async def test_a_passed_deadline_starts_nothing(triton: Supervisor) -> None:
    with within(-1), pytest.raises(DeadlineExceeded):
        await triton.infer("double", {"x": np.ones((1, 3), np.float32)}, ["y"])


async def test_tritons_lines_are_in_our_log(triton: Supervisor, log: list[dict[str, object]]) -> None:
    lines = [entry for entry in log if entry["event"] == "triton"]
    loaded = next(line for line in lines if "successfully loaded 'double'" in str(line["message"]))
    assert (loaded["log_level"], str(loaded["source"]).split(":")[0]) == ("info", "model_lifecycle.cc")
    assert any(line["log_level"] == "error" and "broken" in str(line["message"]) for line in lines)


async def test_an_external_triton_is_used_as_it_is(
    triton: Supervisor, settings: TritonSettings, canaries: dict[str, ContentCanary], log: list[dict[str, object]]
) -> None:
    target = next(str(entry["target"]) for entry in log if entry["event"] == "triton_serving")
    external = settings.model_copy(update={"target": target, "models": ("double", "zeros", "absent")})
    async with Supervisor(external, canaries) as other:
        await other.wait_ready(10)
        assert [await other.ready(model) for model in external.models] == [True, False, False]
    assert await triton.ready("double")
