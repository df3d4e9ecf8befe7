"""How models come to be ready, and to be so no more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from sensorium import context
from sensorium.errors import DeadlineExceeded, Internal, ResourceExhausted, SensoriumError
from sensorium.ports import InferenceServer, Tensor
from sensorium.settings import TritonSettings
from sensorium.triton.canary import CanaryFailed
from sensorium.triton.prover import Prover
from sensorium.triton.readiness import ModelState

READY = ModelState(ready=True)


@dataclass
class Server:
    """A Triton with some models loaded, of which some do not load."""

    loaded: set[str] = field(default_factory=set)
    refused: dict[str, SensoriumError] = field(default_factory=dict)

    async def load(self, model: str) -> None:
        assert context.remaining() is not None
        if model in self.refused:
            raise self.refused[model]
        self.loaded.add(model)

    async def ready(self, model: str) -> bool:
        return model in self.loaded

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        raise AssertionError("the canaries here ask nothing")


@dataclass
class Verdict:
    """A canary that says what the test wants."""

    error: SensoriumError | None = None
    checks: int = 0

    async def check(self, server: InferenceServer) -> None:
        assert context.remaining() is not None
        self.checks += 1
        if self.error:
            raise self.error


class Case:
    """A prover of one model `m`, and what it reported."""

    def __init__(self, *, interval: float = 1e-9) -> None:
        self.server = Server()
        self.canary = Verdict()
        self.states: dict[str, ModelState] = {}
        settings = TritonSettings(models=("m",), canary_interval_seconds=interval)
        self.prover = Prover(self.server, {"m": self.canary}, settings, self.states.__setitem__)  # type: ignore[arg-type]


async def test_a_model_is_ready_when_it_is_loaded_and_its_canary_passed() -> None:
    case = Case()
    await case.prover.admit("m", load=True)
    assert case.states == {"m": READY}
    assert case.canary.checks == 1


async def test_a_model_without_a_canary_is_ready_when_it_is_loaded() -> None:
    case = Case()
    await case.prover.admit("other", load=True)
    assert case.states == {"other": READY}


async def test_a_model_that_does_not_load_keeps_its_reason() -> None:
    case = Case()
    case.server.refused["m"] = Internal("no graph")
    await case.prover.admit("m", load=True)
    assert await case.prover.recheck()
    assert case.states == {"m": ModelState(ready=False, error="no graph")}
    assert case.canary.checks == 0


async def test_models_of_others_are_not_loaded() -> None:
    case = Case()
    await case.prover.admit("m", load=False)
    assert not case.states["m"].ready
    case.server.loaded.add("m")
    assert await case.prover.recheck()
    assert case.states == {"m": READY}


async def test_a_model_whose_canary_fails_is_not_ready_until_it_passes_again() -> None:
    case = Case()
    await case.prover.admit("m", load=True)
    case.canary.error = CanaryFailed("zeros")
    assert await case.prover.recheck()
    assert case.states == {"m": ModelState(ready=False, error="zeros")}
    case.canary.error = None
    assert await case.prover.recheck()
    assert case.states == {"m": READY}


@pytest.mark.parametrize(("error", "answered"), [(ResourceExhausted("busy"), True), (DeadlineExceeded("late"), False)])
async def test_a_busy_model_stays_ready_and_a_silent_one_is_told(error: SensoriumError, *, answered: bool) -> None:
    case = Case()
    await case.prover.admit("m", load=True)
    case.canary.error = error
    assert await case.prover.recheck() is answered
    assert case.states == {"m": READY}


async def test_a_proven_model_is_left_alone_until_it_is_due() -> None:
    case = Case(interval=600)
    await case.prover.admit("m", load=True)
    assert await case.prover.recheck()
    assert case.canary.checks == 1
