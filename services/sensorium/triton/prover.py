"""Decides which models of one run of Triton may be called: loads them, runs their canaries, and repeats those."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sensorium import context
from sensorium.errors import DeadlineExceeded, ResourceExhausted, SensoriumError, Unavailable
from sensorium.settings import TritonSettings
from sensorium.triton.canary import Canary
from sensorium.triton.client import TritonClient
from sensorium.triton.readiness import ModelState


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give the calls in the body a deadline."""
    with context.opened(context.CallContext(deadline=time.monotonic() + seconds)):
        yield


class Prover:
    """Follows the wanted models through one run of Triton.

    Args:
        client: Connected to the run.
        canaries: By model; a model without one is ready as soon as it is loaded.
        settings: Which models, how patient, how often.
        report: Is told each state that a model comes to.
    """

    def __init__(
        self,
        client: TritonClient,
        canaries: Mapping[str, Canary],
        settings: TritonSettings,
        report: Callable[[str, ModelState], None],
    ) -> None:
        self._client = client
        self._canaries = canaries
        self._settings = settings
        self._report = report
        self._proven_at: dict[str, float] = {}

    async def admit(self, model: str, *, load: bool) -> None:
        """Load a model, where that is ours to do, and prove it; what goes wrong becomes its state."""
        try:
            if load:
                with within(self._settings.start_timeout_seconds):
                    await self._client.load(model)
            await self._prove(model)
        except SensoriumError as error:
            self._refuse(model, error)

    async def recheck(self) -> bool:
        """Prove again the models that are due; return whether each answered in time, whatever it answered."""
        return all([await self._recheck(model) for model in self._settings.models if self._is_due(model)])

    def _is_due(self, model: str) -> bool:
        proven = self._proven_at.get(model, float("-inf"))
        return time.monotonic() - proven > self._settings.canary_interval_seconds

    async def _recheck(self, model: str) -> bool:
        try:
            # One that is not loaded keeps the error that says why.
            if await self._loaded(model):
                await self._prove(model)
        except DeadlineExceeded:
            return False
        except ResourceExhausted:
            return True  # busy is not broken
        except SensoriumError as error:
            self._refuse(model, error)
        return True

    async def _loaded(self, model: str) -> bool:
        with within(self._settings.probe_timeout_seconds):
            return await self._client.ready(model)

    async def _prove(self, model: str) -> None:
        if not await self._loaded(model):
            raise Unavailable(f"Triton has not loaded model {model!r}")
        if model in self._canaries:
            with within(self._settings.probe_timeout_seconds):
                await self._canaries[model].check(self._client)
        self._proven_at[model] = time.monotonic()
        self._report(model, ModelState(ready=True))

    def _refuse(self, model: str, error: SensoriumError) -> None:
        self._proven_at.pop(model, None)
        self._report(model, ModelState(ready=False, error=error.message))
