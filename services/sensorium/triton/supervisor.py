"""Keeps a Triton serving: starts it, loads and proves its models, and starts it again when it dies or hangs."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

import structlog

from sensorium.errors import FailedPrecondition, Reason, Unavailable
from sensorium.ports import Tensor
from sensorium.settings import TritonSettings
from sensorium.triton.canary import Canary
from sensorium.triton.client import TritonClient
from sensorium.triton.prover import Prover, within
from sensorium.triton.readiness import ModelState, Phase, Readiness, TritonState
from sensorium.triton.servers import Server, ServerFactory, server_factory

_LIVE_POLL_SECONDS = 0.1
_MISSES_ALLOWED = 1
_STEADY_SECONDS = 60.0
_LONGEST_DELAY = 30.0

_log = structlog.get_logger()


class ServerDown(Unavailable):
    """Triton ended, or does not answer."""


def backoff(failures: int) -> float:
    """Return the seconds to wait before the next start after `failures` failed runs in a row: 0.5, 1, 2, … 30."""
    return float(min(_LONGEST_DELAY, 0.5 * 2 ** min(failures - 1, 10)))


class Supervisor:
    """An `InferenceServer` that looks after the Triton behind it.

    Entering the block returns at once; `wait_ready` waits for the first serving. A model that does not load or whose
    canary fails is reported in `state` and does not stop the others. Leaving the block stops a Triton of our own.

    Args:
        settings: Which Triton, which models, how patient.
        canaries: By model; a model without one is ready as soon as it is loaded.
        start: Enters one run of a Triton; by default the one that `settings` describe.
        delay: Seconds before the next start, given how many runs failed in a row.
    """

    def __init__(
        self,
        settings: TritonSettings,
        canaries: Mapping[str, Canary],
        *,
        start: ServerFactory | None = None,
        delay: Callable[[int], float] = backoff,
    ) -> None:
        self._settings = settings
        self._canaries = canaries
        self._start = start or server_factory(settings)
        self._delay = delay
        self._client = TritonClient()
        self._readiness = Readiness()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_serving(), name="triton-supervisor")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._client.disconnect()
        self._publish(phase=Phase.STOPPED, models={})

    @property
    def state(self) -> TritonState:
        """What is known now."""
        return self._readiness.state

    def changes(self) -> AsyncIterator[TritonState]:
        """Yield the current state, then each later one."""
        return self._readiness.changes()

    async def wait_ready(self, within_seconds: float | None = None) -> TritonState:
        """Wait until every wanted model was tried once, and return the state, which names the ones that failed.

        Raises:
            FailedPrecondition: Triton cannot start before its installation is mended.
            Unavailable: It does not serve within `within_seconds`.
        """
        try:
            async with asyncio.timeout(within_seconds):
                state = await self._readiness.wait_for(lambda s: s.phase in {Phase.SERVING, Phase.FAILED})
        except TimeoutError:
            reason = self.state.error or "it is still starting"
            raise Unavailable(f"Triton does not serve after {within_seconds} s: {reason}") from None
        if state.phase is Phase.FAILED:
            raise FailedPrecondition(state.error)
        return state

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        """Run tensors through a model: see `TritonClient.infer`.

        Raises:
            Unavailable: MODEL_NOT_READY: it is one of ours, and not loaded or not proven yet.
        """
        if model in self._settings.models and not self.state.ready(model):
            raise self._not_ready(model)
        return await self._client.infer(model, inputs, outputs, priority=priority)

    async def ready(self, model: str) -> bool:
        """Return whether `model` is loaded and its canary has passed."""
        return self.state.ready(model)

    def _not_ready(self, model: str) -> Unavailable:
        known = self.state.models.get(model)
        because = known.error if known else self.state.error.partition("\n")[0]
        return Unavailable(
            f"model {model!r} is not ready: {because or self.state.phase}",
            reason=Reason.MODEL_NOT_READY,
            metadata={"model": model},
            retry_after=1.0,
        )

    async def _keep_serving(self) -> None:
        failures = 0
        while True:
            started = time.monotonic()
            self._publish(phase=Phase.STARTING, models={})
            try:
                await self._run_once()
            except FailedPrecondition as error:
                self._report_down(Phase.FAILED, error)
                return
            except Exception as error:  # whatever it was, a new start is the best answer
                self._report_down(Phase.DOWN, error)
            failures = 1 if time.monotonic() - started > _STEADY_SECONDS else failures + 1
            await asyncio.sleep(self._delay(failures))
            self._publish(restarts=self.state.restarts + 1)

    async def _run_once(self) -> None:
        """Serve for the length of one run, which only an error ends."""
        async with self._start() as server:
            duty = asyncio.create_task(self._serve(server), name="triton-duty")
            end = asyncio.create_task(server.ended(), name="triton-end")
            try:
                await asyncio.wait({duty, end}, return_when=asyncio.FIRST_COMPLETED)
                if end.done():
                    raise ServerDown(end.result())
                await duty
            except ServerDown:
                server.kill()
                raise
            finally:
                # Not ready from the moment that it is known, not only when the last process is gone.
                self._publish(phase=Phase.DOWN, models={})
                await _cancel(duty, end)
                await self._client.disconnect()

    async def _serve(self, server: Server) -> None:
        """Bring the run up, then watch it. Raises ServerDown when it must be given up."""
        settings = self._settings
        await self._client.connect(server.target, server.shared_prefix)
        await self._wait_live(server)
        prover = Prover(self._client, self._canaries, settings, self._set_model)
        async with asyncio.TaskGroup() as admissions:
            for model in settings.models:
                admissions.create_task(prover.admit(model, load=server.is_ours))
        self._publish(phase=Phase.SERVING, error="")
        _log.info("triton_serving", target=server.target)
        misses = 0
        while misses <= _MISSES_ALLOWED:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._client.stub_died.wait(), settings.probe_interval_seconds)
            if self._client.stub_died.is_set():
                raise ServerDown(f"a model instance's process died\n{server.last_lines()}".rstrip())
            misses = 0 if await self._is_live() and await prover.recheck() else misses + 1
        raise ServerDown(f"Triton at {server.target} does not answer\n{server.last_lines()}".rstrip())

    async def _wait_live(self, server: Server) -> None:
        patience = self._settings.start_timeout_seconds
        until = time.monotonic() + patience
        while not await self._is_live():
            if time.monotonic() > until:
                lines = server.last_lines()
                raise ServerDown(f"Triton at {server.target} is not live after {patience} s\n{lines}".rstrip())
            await asyncio.sleep(_LIVE_POLL_SECONDS)

    async def _is_live(self) -> bool:
        with within(self._settings.probe_timeout_seconds):
            return await self._client.live()

    def _set_model(self, model: str, state: ModelState) -> None:
        if self.state.models.get(model) != state:
            level = logging.INFO if state.ready else logging.ERROR
            _log.log(level, "triton_model", model=model, ready=state.ready, error=state.error)
            self._publish(models={**self.state.models, model: state})

    def _report_down(self, phase: Phase, error: Exception) -> None:
        _log.error("triton_down", error=str(error), phase=phase)
        self._publish(phase=phase, models={}, error=str(error))

    def _publish(self, **changes: object) -> None:
        self._readiness.publish(replace(self.state, **changes))  # type: ignore[arg-type]


async def _cancel(*tasks: "asyncio.Task[object]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
