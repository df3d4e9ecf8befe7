"""Where a run is at each step: its epoch, its phase, and its learning rate. Steps are counted over the whole run."""

from collections.abc import Sequence
from dataclasses import dataclass

from sensorium.train.configuration import Phase


@dataclass(frozen=True, slots=True)
class Schedule:
    """The course of a run.

    Attributes:
        steps_per_epoch: Whole batches alone.
        warmup: The share of the steps over which the learning rate rises.
    """

    phases: Sequence[Phase]
    steps_per_epoch: int
    learning_rate: float
    warmup: float

    @property
    def epochs(self) -> int:
        """How many epochs the run has."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def steps(self) -> int:
        """How many steps the run has."""
        return self.epochs * self.steps_per_epoch

    def phase(self, epoch: int) -> Phase:
        """Return the phase of an epoch, counted from 0."""
        for phase in self.phases:
            if epoch < phase.epochs:
                return phase
            epoch -= phase.epochs
        raise IndexError("the run has no such epoch")

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0: up in a line, then down in a line to nothing."""
        rising = max(1, round(self.warmup * self.steps))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        return self.learning_rate * (self.steps - step) / max(1, self.steps - rising)
