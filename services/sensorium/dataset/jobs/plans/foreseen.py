"""What is said of a job before it is started."""

from dataclasses import dataclass
from typing import Protocol

from sensorium.dataset.jobs.engine import Planned
from sensorium.model.dataset_job import JobPlan


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a job would do.

    Attributes:
        total: How many files it would look at.
        skipped: How many of them it would pass over at no cost.
        plan: What it would change.
    """

    total: int
    skipped: int
    plan: JobPlan

    @classmethod
    def of(cls, plan: JobPlan, *, passes_over: bool = False) -> "Foreseen":
        """Return what a plan says; `passes_over` for work that costs nothing for what stays as it is."""
        return cls(plan.total_count, plan.unchanged_count if passes_over else 0, plan)


class Foreseeing(Protocol):
    """Says what work of a kind would do."""

    async def foreseen(self, job: Planned) -> Foreseen:
        """Return what the work would do now, and change nothing.

        Raises:
            SensoriumError: The work would be refused, or would fail at once.
            DeadlineExceeded: There is too much to look at within the deadline of the call.
        """
        ...
