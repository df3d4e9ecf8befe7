"""Runs a lesson to its end: steps, the moving average, checkpoints, evaluations; resumable at any step."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sensorium.train.average import Average
from sensorium.train.checkpoint import read_checkpoint, write_checkpoint
from sensorium.train.configuration import Optimizer
from sensorium.train.crew import Crew
from sensorium.train.history import Mark
from sensorium.train.schedule import Schedule


class Lesson(Protocol):
    """What a network learns. Chance depends on step and worker alone, so a resumed run repeats and skips nothing."""

    network: nn.Module

    def prepare(self, step: int) -> None:
        """Make ready what the workers of a step share; steps are counted from 0 over the whole run."""
        ...

    def loss(self, network: nn.Module, step: int, worker: int) -> Tensor:
        """Return the loss of a worker's share of a step, of a network with the weights of `self.network`."""
        ...

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the validation figures of a network of the same shape."""
        ...


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where a run keeps its state, and how often.

    Attributes:
        path: The checkpoint's file.
        recipe: What the weights depend on; a checkpoint of another recipe is refused.
        every_s: Seconds between checkpoints; one follows each epoch besides.
    """

    path: Path
    recipe: str
    every_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Lessons:
    """How long a lesson lasts and how often it is evaluated, in epochs; the last epoch always is."""

    schedule: Schedule
    optimizer: Optimizer
    evaluate_every: int
    workers: int = 1


class Loop:
    """One run of one lesson."""

    def __init__(self, lesson: Lesson, plan: Lessons, keeping: Keeping, report: Callable[[Mark], None]) -> None:
        """Begin where the checkpoint says, or at the first step.

        Raises:
            FailedPrecondition: The checkpoint is damaged, or of another recipe.
        """
        self._lesson, self._plan, self._keeping, self._report = lesson, plan, keeping, report
        self._optimizer = torch.optim.AdamW(_groups(lesson.network, plan.optimizer), lr=0.0, betas=(0.9, 0.99))
        self._crew = Crew(lesson.network, plan.workers)
        self._average = Average(lesson.network, plan.optimizer.average)
        self._step, self._loss_sum, self._history = 0, 0.0, list[Mark]()
        if contents := read_checkpoint(keeping.path, keeping.recipe):
            self._restore(contents)

    def run(self) -> tuple[nn.Module, list[Mark]]:
        """Return the averaged network and the history, after the last step."""
        schedule, saved = self._plan.schedule, time.monotonic()
        if not schedule.steps and not self._history:
            self._close_epoch()
            self._save()
        while self._step < schedule.steps:
            self._advance()
            if self._step % schedule.steps_per_epoch == 0:
                self._close_epoch()
            elif time.monotonic() - saved < self._keeping.every_s:
                continue
            self._save()
            saved = time.monotonic()
        return self._average.network, self._history

    def _advance(self) -> None:
        network = self._lesson.network
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.schedule.rate(self._step)
        self._lesson.prepare(self._step)
        loss = self._crew.backward(lambda copy, worker: self._lesson.loss(copy, self._step, worker))
        nn.utils.clip_grad_norm_(network.parameters(), self._plan.optimizer.clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._average.follow(network, self._step)
        self._loss_sum += loss
        self._step += 1

    def _close_epoch(self) -> None:
        schedule = self._plan.schedule
        epoch = self._step // schedule.steps_per_epoch
        last = epoch == schedule.epochs
        figures: dict[str, float] = {}
        if last or epoch % self._plan.evaluate_every == 0:
            figures = self._lesson.evaluate(self._average.network)
        mark = Mark(epoch, schedule.epochs, self._loss_sum / schedule.steps_per_epoch, figures)
        self._history.append(mark)
        self._loss_sum = 0.0
        self._report(mark)

    def _save(self) -> None:
        contents = {
            "recipe": self._keeping.recipe,
            "step": self._step,
            "loss_sum": self._loss_sum,
            "history": [mark.fields() for mark in self._history],
            "network": self._lesson.network.state_dict(),
            "average": self._average.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        write_checkpoint(self._keeping.path, contents)

    def _restore(self, contents: dict[str, Any]) -> None:
        self._step, self._loss_sum = contents["step"], contents["loss_sum"]
        self._history = [Mark.of(fields) for fields in contents["history"]]
        self._lesson.network.load_state_dict(contents["network"])
        self._average.network.load_state_dict(contents["average"])
        self._optimizer.load_state_dict(contents["optimizer"])


def _groups(network: nn.Module, optimizer: Optimizer) -> list[dict[str, object]]:
    """Return the parameters in two groups: matrices, which decay, and norms, biases and temperatures, which do not."""
    parameters = list(network.parameters())
    return [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": optimizer.weight_decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
